#include "client/client.h"

#include <charconv>

#include "base/percent.h"
#include "client/codec.h"
#include "client/http_transport.h"
#include "client/login.h"
#include "client/members.h"
#include "client/session.h"
#include "client/users.h"
#include "client/watch.h"

namespace cairn::client {
namespace {

Error not_ours(const std::string& what) {
  return {Reason::refused, "bad_answer", "the answer is not one of Cairn's: " + what,
          "is the endpoint really a Cairn server?", ""};
}

std::int64_t number_of(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void add_parameter(const std::string& parameter, std::string* target) {
  *target += (target->find('?') == std::string::npos ? "?" : "&") + parameter;
}

void add_consistency(Consistency consistency, std::string* target) {
  if (consistency == Consistency::automatic) return;
  add_parameter(consistency == Consistency::local ? "consistency=local" : "consistency=linearizable", target);
}

Error key_empty() {
  return {Reason::invalid, "key_empty", "the key is empty", "a key has at least one byte", ""};
}

}  // namespace

struct Client::Impl {
  Session session;

  Answer<Response> write(Request request, std::string_view idempotency_key) {
    return session.write(std::move(request), idempotency_key);
  }

  Answer<Json> txn(const Json& body, std::string_view idempotency_key) {
    Answer<Response> response =
        write({"POST", "/v1/txn", {{"content-type", "application/json"}}, body.dump()}, idempotency_key);
    if (!response) return response.error();
    std::optional<Json> json = parse_body(*response);
    if (!json || !json->contains("succeeded") || !(*json)["succeeded"].is_boolean())
      return not_ours("no succeeded");
    return *std::move(json);
  }

  Answer<Deleted> remove(std::string target, std::string_view idempotency_key) {
    Answer<Response> response = write({"DELETE", std::move(target), {}, ""}, idempotency_key);
    if (!response) return response.error();
    const std::optional<Json> json = parse_body(*response);
    if (!json || !json->contains("deleted") || !(*json)["deleted"].is_number_integer())
      return not_ours("no count");
    return Deleted{(*json)["deleted"].get<std::int64_t>(), number_of(response->header("cairn-revision"))};
  }
};

Client::Client(Options options) : Client(options, make_http_transport(options)) {}
Client::Client(Options options, std::unique_ptr<Transport> transport)
    : impl_(new Impl{Session(options, as_user(options.user, std::move(transport)))}) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

namespace {

ReadFrom read_from(const Response& response) {
  return {response.header("cairn-consistency") == "local" ? Consistency::local : Consistency::linearizable,
          response.header("cairn-leader") != "none"};
}

}  // namespace

Answer<Found> Client::get(std::string_view key, Consistency consistency, std::int64_t revision) {
  if (key.empty()) return key_empty();
  Request request{"GET", key_path(key), {}, ""};
  if (revision > 0) add_parameter("rev=" + std::to_string(revision), &request.target);
  add_consistency(consistency, &request.target);
  Answer<Response> response = impl_->session.call(std::move(request), false);
  if (!response) return response.error();
  return Found{
      {std::string(key), std::move(response->body), number_of(response->header("cairn-create-revision")),
       number_of(response->header("cairn-mod-revision")), number_of(response->header("cairn-version"))},
      read_from(*response)};
}

Answer<Written> Client::put(std::string_view key, std::string_view value, std::string_view idempotency_key) {
  if (key.empty()) return key_empty();
  const Answer<Response> response =
      impl_->write({"PUT", key_path(key), {}, std::string(value)}, idempotency_key);
  if (!response) return response.error();
  return Written{number_of(response->header("cairn-revision"))};
}

Answer<Deleted> Client::del(std::string_view key, std::string_view idempotency_key) {
  if (key.empty()) return key_empty();
  return impl_->remove(key_path(key), idempotency_key);
}

Answer<Deleted> Client::del_prefix(std::string_view prefix, std::string_view idempotency_key) {
  const std::string what = prefix.empty() ? "all=true" : "enc=base64url&prefix=" + base64url_encode(prefix);
  return impl_->remove("/v1/kv?" + what, idempotency_key);
}

Answer<Written> Client::cas(std::string_view key, const Expect& expect, std::string_view value,
                            std::string_view idempotency_key) {
  Json compare = {{"key", bytes_to_json(key)}, {"op", "=="}};
  if (expect.absent) {
    compare["target"] = "exists";
    compare["value"] = false;
  } else if (expect.mod_revision) {
    compare["target"] = "mod";
    compare["value"] = *expect.mod_revision;
  } else {
    compare["target"] = "value";
    compare["value"] = bytes_to_json(expect.value.value_or(""));
  }
  const Json put = {{"put", {{"key", bytes_to_json(key)}, {"value", bytes_to_json(value)}}}};
  const Json get = {{"get", {{"key", bytes_to_json(key)}}}};
  Answer<Json> json =
      impl_->txn({{"if", Json::array({compare})}, {"then", Json::array({put})}, {"else", Json::array({get})}},
                 idempotency_key);
  if (!json) return json.error();
  if ((*json)["succeeded"].get<bool>()) return Written{json->value("revision", std::int64_t{0})};
  Page current;
  if (!json->contains("results") || (*json)["results"].empty() ||
      !read_page((*json)["results"][0].value("get", Json()), &current))
    return not_ours("no results");
  if (current.kvs.empty())
    return Error{Reason::precondition_failed, "precondition_failed", "the key does not exist", "", ""};
  return Error{Reason::precondition_failed, "precondition_failed",
               "the key is at revision " + std::to_string(current.kvs[0].mod_revision) + ", not as expected",
               "read it again and decide anew", ""};
}

Answer<Written> Client::batch(const std::vector<Operation>& operations, std::string_view idempotency_key) {
  Json then = Json::array();
  for (const Operation& each : operations) {
    if (each.kind == Operation::Kind::put)
      then.push_back({{"put", {{"key", bytes_to_json(each.key)}, {"value", bytes_to_json(each.value)}}}});
    else
      then.push_back({{"delete", {{"key", bytes_to_json(each.key)}}}});
  }
  const Answer<Json> json = impl_->txn({{"then", std::move(then)}}, idempotency_key);
  if (!json) return json.error();
  return Written{json->value("revision", std::int64_t{0})};
}

namespace {

std::string list_target(std::string_view prefix, const ListOptions& options) {
  std::string target = "/v1/kv?enc=base64url";
  if (options.from) add_parameter("from=" + base64url_encode(*options.from), &target);
  if (options.to) add_parameter("to=" + base64url_encode(*options.to), &target);
  if (!options.from && !options.to) add_parameter("prefix=" + base64url_encode(prefix), &target);
  if (!options.cursor.empty()) add_parameter("cursor=" + options.cursor, &target);
  if (options.revision > 0) add_parameter("rev=" + std::to_string(options.revision), &target);
  add_consistency(options.consistency, &target);
  return target;
}

Error two_ranges() {
  return {Reason::invalid, "", "a prefix and a range are two ways to say which keys", "give one of them", ""};
}

}  // namespace

Answer<Page> Client::list(std::string_view prefix, const ListOptions& options) {
  if (!prefix.empty() && (options.from || options.to)) return two_ranges();
  std::string target = list_target(prefix, options) + "&limit=" + std::to_string(options.limit);
  if (options.keys_only) target += "&keys_only=true";
  const Answer<Response> response = impl_->session.call({"GET", std::move(target), {}, ""}, false);
  if (!response) return response.error();
  const std::optional<Json> json = parse_body(*response);
  Page page;
  if (!json || !read_page(*json, &page)) return not_ours("no page");
  page.from = read_from(*response);
  return page;
}

Answer<Count> Client::count(std::string_view prefix, const ListOptions& options) {
  if (!prefix.empty() && (options.from || options.to)) return two_ranges();
  Count sum;
  ListOptions part = options;
  do {
    const std::string target = list_target(prefix, part) + "&count_only=true";
    const Answer<Response> response = impl_->session.call({"GET", target, {}, ""}, false);
    if (!response) return response.error();
    const std::optional<Json> json = parse_body(*response);
    std::int64_t count = 0;
    part.cursor.clear();
    if (!json || !read_count(*json, &count, &sum.revision, &part.cursor)) return not_ours("no count");
    sum.count += count;
    sum.from = read_from(*response);
  } while (!part.cursor.empty());
  return sum;
}

Answer<Changes> Client::watch(const WatchOptions& what, std::chrono::milliseconds wait) {
  if (what.key.empty() && !what.prefix) return key_empty();
  return client::watch(&impl_->session, what, wait);
}

namespace {

Answer<Lease> lease_in(const Answer<Response>& response) {
  if (!response) return response.error();
  const std::optional<Json> json = parse_body(*response);
  Lease lease;
  if (!json || !read_lease(*json, &lease)) return not_ours("no lease");
  return lease;
}

}  // namespace

Answer<Lease> Client::grant_lease(std::chrono::seconds ttl, std::string_view idempotency_key) {
  const Json body = {{"ttl", ttl.count()}};
  return lease_in(impl_->write({"POST", "/v1/leases", {{"content-type", "application/json"}}, body.dump()},
                               idempotency_key));
}

// Any member will do, and twice does no harm.
Answer<Lease> Client::keep_lease_alive(const std::string& id) {
  return lease_in(
      impl_->session.call({"POST", "/v1/leases/" + percent_encode(id) + "/keep-alive", {}, ""}, false));
}

Answer<Lease> Client::lease(const std::string& id, bool with_keys) {
  const std::string target = "/v1/leases/" + percent_encode(id) + (with_keys ? "?keys=true" : "");
  return lease_in(impl_->session.call({"GET", target, {}, ""}, false));
}

Answer<Written> Client::revoke_lease(const std::string& id, std::string_view idempotency_key) {
  const Answer<Response> response =
      impl_->write({"DELETE", "/v1/leases/" + percent_encode(id), {}, ""}, idempotency_key);
  if (!response) return response.error();
  return Written{number_of(response->header("cairn-revision"))};
}

Answer<LeasePage> Client::leases(const std::string& after, std::int64_t limit) {
  std::string target = "/v1/leases?consistency=linearizable&limit=" + std::to_string(limit);
  if (!after.empty()) target += "&after=" + after;
  const Answer<Response> response = impl_->session.call({"GET", std::move(target), {}, ""}, false);
  if (!response) return response.error();
  const std::optional<Json> json = parse_body(*response);
  LeasePage page;
  if (!json || !read_leases(*json, &page)) return not_ours("no leases");
  return page;
}

Answer<KeyValue> Client::put_once(std::string_view key, std::string_view value, const std::string& lease) {
  if (key.empty()) return key_empty();
  const Json name = bytes_to_json(key);
  const Json compare = {{"key", name}, {"target", "exists"}, {"op", "=="}, {"value", false}};
  const Json put = {{"put", {{"key", name}, {"value", bytes_to_json(value)}, {"lease", lease}}}};
  const Json get = {{"get", {{"key", name}}}};
  const Answer<Json> json = impl_->txn(
      {{"if", Json::array({compare})}, {"then", Json::array({put, get})}, {"else", Json::array({get})}}, "");
  if (!json) return json.error();
  Page there;
  if (!json->contains("results") || (*json)["results"].empty() ||
      !read_page((*json)["results"].back().value("get", Json()), &there) || there.kvs.empty())
    return not_ours("no results");
  return there.kvs[0];
}

std::chrono::steady_clock::time_point Client::now() { return impl_->session.now(); }

Answer<std::vector<Member>> Client::members() {
  const Answer<Response> response = impl_->session.call({"GET", "/v1/members", {}, ""}, false);
  if (!response) return response.error();
  const std::optional<Json> json = parse_body(*response);
  std::vector<Member> members;
  if (!json || !read_members(*json, &members)) return not_ours("no members");
  return members;
}

Answer<MembersNow> Client::change_members(const MembersChange& change) {
  return client::change_members(&impl_->session, change);
}

Answer<Status> Client::status(const std::string& endpoint) {
  const Answer<Response> response = impl_->session.call_at(endpoint, {"GET", "/v1/status", {}, ""});
  if (!response) return response.error();
  const std::optional<Json> json = parse_body(*response);
  Status status;
  status.endpoint = endpoint;
  if (!json || !read_status(*json, &status)) return not_ours("no status");
  return status;
}

Answer<UsersTold> Client::users(const UsersOrder& order) { return ask_users(&impl_->session, order); }

}  // namespace cairn::client
