// GET /v1/kv?prefix=&limit=&cursor=&keys_only=: all keys with a prefix, page by page. The cursor pins the
// revision of the first page, so that all pages together are one consistent state.
#include <algorithm>
#include <charconv>

#include "api/json.h"
#include "api/rest.h"
#include "base/percent.h"
#include "etcd/validate.h"

namespace cairn::api {
namespace {

struct Page {
  std::string prefix, from;  // from: the first key that may be shown
  std::int64_t revision = 0;
  std::int64_t limit = 0;
  bool keys_only = false;
};

std::string cursor_of(std::int64_t revision, const std::string& next) {
  return std::to_string(revision) + "." + base64url_encode(next);
}

Status read_cursor(const std::string& cursor, Page* page) {
  const auto [at, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), page->revision);
  const auto used = static_cast<std::size_t>(at - cursor.data());
  std::optional<std::string> from;
  if (error == std::errc() && used < cursor.size() && cursor[used] == '.')
    from = base64url_decode(std::string_view(cursor).substr(used + 1));
  if (!from || page->revision <= 0 || from->compare(0, page->prefix.size(), page->prefix) != 0)
    return fail(Code::invalid_argument, "the cursor '" + cursor + "' does not belong to this listing");
  page->from = *std::move(from);
  return {};
}

Result<Page> page_of(const Target& target, const Config& config) {
  TRY(only_parameters(target, {"enc", "prefix", "limit", "cursor", "keys_only", "rev", "consistency"}));
  Page page;
  page.prefix = TRY(key_parameter(target, "prefix"));
  page.from = page.prefix;
  page.limit = TRY(number_parameter(target, "limit", config.page_keys_default));
  if (page.limit == 0 || page.limit > config.page_keys_max)
    return fail(Code::invalid_argument, "limit=" + std::to_string(page.limit) + " is not within 1 to " +
                                            std::to_string(config.page_keys_max));
  page.revision = TRY(number_parameter(target, "rev", 0));
  page.keys_only = target.flag("keys_only");
  const std::string* const cursor = target.parameter("cursor");
  if (cursor != nullptr) TRY(read_cursor(*cursor, &page));
  return page;
}

void list(RestCall& rest, const mvcc::View& view, Consistency consistency, Page page) {
  if (page.revision == 0) page.revision = view.revision();
  etcdserverpb::RangeRequest request;
  set_prefix(page.prefix, &request);
  if (!page.from.empty()) request.set_key(page.from);
  request.set_revision(page.revision);
  request.set_keys_only(page.keys_only);

  rest.config().metrics->ranges.add();
  Json kvs = Json::array();
  std::size_t bytes = 0;
  bool more = true;
  while (more && page.limit > 0 && bytes < rest.config().page_bytes_max) {
    request.set_limit(std::min(page.limit, rest.config().page_step_keys));
    const auto checked = etcd::check(request, rest.config().request);
    if (!checked) return rest.refuse(checked.error());
    const mvcc::Outcome outcome = view.range(*checked);
    if (outcome.code != Code::ok) return rest.refuse(outcome.refusal());
    etcdserverpb::RangeResponse found;
    CHECK(found.ParseFromString(outcome.body));
    for (const mvccpb::KeyValue& kv : found.kvs()) kvs.push_back(to_json(kv, page.keys_only));
    page.limit -= found.kvs_size();
    bytes += outcome.body.size();
    more = found.more() && found.kvs_size() > 0;
    if (more) request.set_key(found.kvs(found.kvs_size() - 1).key() + '\0');
  }

  Json body = {{"revision", page.revision}, {"kvs", std::move(kvs)}, {"more", more}};
  if (more) body["cursor"] = cursor_of(page.revision, request.key());
  rpc::HttpResponse response = json_response(200, body.dump());
  mark_read(&response, view, consistency);
  rest.respond(std::move(response));
}

}  // namespace

void rest_list(const Rest& rest) {
  Result<Page> page = page_of(rest->target(), rest->config());
  if (!page) return rest->refuse(page.error());
  rest_read(rest, [page = *std::move(page)](RestCall& call, const mvcc::View& view, Consistency consistency) {
    list(call, view, consistency, page);
  });
}

}  // namespace cairn::api
