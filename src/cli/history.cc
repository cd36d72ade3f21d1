// history: what has become of a key, as far back as the cluster keeps it.
#include <algorithm>
#include <deque>
#include <ostream>

#include "cli/changes.h"
#include "cli/commands.h"

namespace cairn::cli {
namespace {

constexpr std::chrono::milliseconds kWaitForOneBehind{200};

// Where the past begins: of what was compacted nobody has anything any more.
std::int64_t compacted_up_to(const Context& context, client::Client* client) {
  std::int64_t revision = 0;
  for (const std::string& endpoint : context.endpoints)
    if (const auto status = client->status(endpoint)) revision = std::max(revision, status->compact_revision);
  return revision;
}

// The revision that the newest write had: a member that lags behind tells the rest once it has it.
client::Answer<std::int64_t> newest(client::Client* client, const HistoryOptions& options) {
  client::ListOptions what;
  what.limit = 1;
  what.keys_only = true;
  what.consistency = client::Consistency::linearizable;
  if (!options.prefix) {
    what.from = options.key;
    what.to = options.key + std::string(1, '\0');
  }
  const auto page = client->list(options.prefix ? options.key : "", what);
  if (!page) return page.error();
  return page->revision;
}

// All of it, or the newest: printed as it comes, or once it is known which those are.
class Told {
 public:
  Told(const Context& context, std::int64_t limit) : context_(context), limit_(limit) {}
  void add(client::Change change) {
    ++count_;
    if (limit_ == 0) return print(context_, change);
    newest_.push_back(std::move(change));
    if (static_cast<std::int64_t>(newest_.size()) > limit_) newest_.pop_front();
  }
  void end() const {
    for (const client::Change& change : newest_) print(context_, change);
  }
  std::int64_t count() const { return count_; }

 private:
  const Context& context_;
  std::int64_t limit_, count_ = 0;
  std::deque<client::Change> newest_;
};

}  // namespace

int history(const Context& context, const HistoryOptions& options) {
  client::Client client = context.connect();
  const auto until = newest(&client, options);
  if (!until) return report(context, until.error());
  Told told(context, options.limit);
  std::int64_t from = 1, compacted = 0;
  std::chrono::milliseconds wait{0};  // of a member that lags behind, which would be asked without a pause
  while (from <= *until) {
    client::Watch watch(client, {.key = options.key, .prefix = options.prefix, .from_revision = from});
    auto changes = watch.next(wait);
    if (!changes) {
      const std::int64_t next = compacted_up_to(context, &client);
      if (changes.error().reason != client::Reason::compacted || next <= from)
        return report(context, changes.error());
      from = compacted = next;
      continue;
    }
    for (client::Change& change : changes->changes)
      if (change.now.mod_revision <= *until) told.add(std::move(change));
    from = changes->revision + 1;
    wait = kWaitForOneBehind;
  }
  told.end();
  if (compacted > 0)
    context.err << "note: what was before revision " << compacted << " has been compacted away\n";
  if (told.count() > 0) return kExitOk;
  return report(context, kExitNegative,
                "no change of " + printable(options.key) + (options.prefix ? "*" : "") + " is kept",
                compacted > 0 ? "'cairn get' shows what is there now" : "it has never been written",
                "key_not_found");
}

}  // namespace cairn::cli
