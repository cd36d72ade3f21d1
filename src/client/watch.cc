#include "client/watch.h"

#include <algorithm>
#include <string>

#include "base/percent.h"
#include "client/codec.h"

namespace cairn::client {
namespace {

using std::chrono::milliseconds;

Request question(const WatchOptions& what, std::int64_t from, milliseconds wait) {
  std::string target = "/v1/watch?enc=base64url&require_leader=true&";
  target += (what.prefix ? "prefix=" : "key=") + base64url_encode(what.key);
  if (what.to) target += "&to=" + base64url_encode(*what.to);
  if (what.previous) target += "&prev=true";
  if (what.only != Only::all) target += what.only == Only::puts ? "&only=put" : "&only=delete";
  target += "&wait=" + std::to_string(wait.count()) + "ms";
  // What comes next comes after everything that has been acknowledged.
  target += from > 0 ? "&consistency=local&from=" + std::to_string(from) : "&consistency=linearizable";
  return {"GET", std::move(target), {}, ""};
}

Error ended(const WatchLine& line) {
  if (line.code == "compacted")
    return {Reason::compacted, line.code, line.title + ": revision " + std::to_string(line.compact_revision),
            "list the keys, and watch on from the revision of that list", ""};
  return {Reason::unavailable, line.code, line.title, "", ""};
}

}  // namespace

Answer<Changes> watch(Session* session, const WatchOptions& what, milliseconds wait) {
  const auto until = session->now() + wait;
  std::int64_t from = what.from_revision;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - session->now());
    const milliseconds patience = std::clamp(left, milliseconds(0), session->options().watch_question);
    const Answer<Response> response = session->poll(question(what, from, patience), patience);
    if (!response) return response.error();
    const std::optional<Json> json = parse_body(*response);
    WatchLine line;
    if (!json || !read_watch_line(*json, &line))
      return Error{Reason::refused, "bad_answer", "the answer is not one of Cairn's: no changes",
                   "is the endpoint really a Cairn server?", ""};
    if (line.type == WatchLine::Type::changes) return std::move(line.changes);
    if (line.type == WatchLine::Type::progress) {
      from = std::max(from, line.changes.revision + 1);
      if (left <= patience) return Changes{{}, from - 1};
      continue;
    }
    const Error why = ended(line);
    if (why.reason != Reason::unavailable || session->now() >= until) return why;
    session->avoid_endpoint();
  }
}

}  // namespace cairn::client
