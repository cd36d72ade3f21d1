// Leases over REST: granted, looked at, kept alive, revoked; and how a write says which one its key gets.
#include "api/rest_lease.h"

#include <charconv>
#include <utility>

#include "api/grpc_methods.h"
#include "api/json.h"
#include "api/rest.h"
#include "base/hex_id.h"
#include "etcd/reasons.h"
#include "node/status.h"

namespace cairn::api {
namespace {

constexpr std::string_view kLeases = "/v1/leases/", kKeepAlive = "/keep-alive";

// Who repeats a write under its key repeats it with the same lease.
std::int64_t lease_id_for(const RestCall& rest) {
  const std::string_view key = rest.header("idempotency-key").value_or("");
  if (key.empty()) return random_lease_id(rest.config());
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: the same at every member
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return static_cast<std::int64_t>(hash >> 1 | 1);
}

Result<std::int64_t> ttl_of(const RestCall& rest, const std::string& text) {
  const auto bad = [&text] {
    return fail(Code::invalid_argument,
                "ttl '" + text + "' is none: write seconds, or a number with s, m or h, such as 30s");
  };
  std::int64_t ttl = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, ttl);
  if (error != std::errc() || ttl < 1 || end - unit > 1) return bad();
  const char of = unit == end ? 's' : *unit;
  const std::int64_t factor = of == 's' ? 1 : of == 'm' ? 60 : of == 'h' ? 3600 : 0;
  const std::int64_t most = rest.config().request.lease_ttl_max_s;
  if (factor == 0) return bad();
  if (ttl > most / factor) return fail(Reason::lease_ttl_too_large);
  return std::max(ttl * factor, rest.config().lease_ttl_min_s);
}

// The id in the path, without what stands behind it.
Result<std::int64_t> id_of(const Target& target) {
  std::string_view id = std::string_view(target.path).substr(kLeases.size());
  if (id.ends_with(kKeepAlive)) id.remove_suffix(kKeepAlive.size());
  return lease_id_from(id);
}

Json lease_json(std::int64_t id, std::int64_t ttl) { return {{"id", lease_name(id)}, {"ttl", ttl}}; }

void respond_json(RestCall& rest, int status, const Json& body, std::int64_t revision) {
  rpc::HttpResponse response = json_response(status, body.dump());
  response.headers.emplace_back("cairn-revision", std::to_string(revision));
  rest.respond(std::move(response));
}

// What the leader says of a lease.
class Told final : public node::LeaseResponder {
 public:
  using Then = std::function<void(const Rest&, const node::LeaseTime&)>;
  Told(Rest rest, Then then) : rest_(std::move(rest)), then_(std::move(then)) {}
  void done(const node::LeaseTime& time) override { then_(rest_, time); }
  void failed(Error error) override { rest_->refuse(error); }

 private:
  const Rest rest_;
  const Then then_;
};

void ask_leader(const Rest& rest, node::LeaseCallKind kind, std::int64_t id, Told::Then then) {
  rest->member().lease({.kind = kind,
                        .id = id,
                        .deadline = rest->member().now() + rest->config().request_timeout,
                        .responder = std::make_unique<Told>(rest, std::move(then))});
}

// Its keys, as of now, behind what is left of it.
void add_keys(RestCall& rest, const mvcc::View& view, std::int64_t id, Json body) {
  if (!view.lease(id)) return rest.refuse(etcd::error_of(Reason::lease_not_found));
  if (const Status may = view.allows({{etcd::Access::attached, {}, {}, id}}); !may)
    return rest.refuse(may.error());
  std::size_t bytes = 0;
  Json& keys = body["keys"] = Json::array();
  view.lease_keys(id, [&](std::string_view key) {
    constexpr std::size_t kPerKey = 8;
    bytes += key.size() + kPerKey;
    if (bytes > rest.config().answer_bytes_max) return false;
    keys.push_back(bytes_to_json(std::string(key)));
    return true;
  });
  if (bytes > rest.config().answer_bytes_max)
    return rest.refuse(etcd::error_of(Reason::answer_too_large,
                                      {static_cast<std::int64_t>(rest.config().answer_bytes_max)}));
  respond_json(rest, 200, body, view.revision());
}

}  // namespace

std::string lease_name(std::int64_t id) { return hex_id(static_cast<std::uint64_t>(id)); }

Result<std::int64_t> lease_id_from(std::string_view text) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size() || id == 0)
    return fail(Code::invalid_argument,
                "'" + std::string(text) + "' is no lease: an id is up to 16 hexadecimal digits, and not 0");
  return static_cast<std::int64_t>(id);
}

Result<mvcc::LeaseChoice> lease_of(const RestCall& rest) {
  const std::string* const ttl = rest.target().parameter("ttl");
  const std::string* const lease = rest.target().parameter("lease");
  if (ttl != nullptr && lease != nullptr)
    return fail(Code::invalid_argument,
                "ttl grants a lease, and lease names one that there is: give one of them");
  if (lease != nullptr) return mvcc::LeaseChoice{TRY(lease_id_from(*lease)), 0};
  if (ttl == nullptr) return mvcc::LeaseChoice{};
  const std::int64_t seconds = TRY(ttl_of(rest, *ttl));
  return mvcc::LeaseChoice{lease_id_for(rest), seconds};
}

void rest_grant_lease(const Rest& rest) {
  if (const Status known = only_parameters(rest->target(), {}); !known) return rest->refuse(known.error());
  const Result<Json> json = parse_json(rest->request().body, rest->config().json_depth_max);
  if (!json) return rest->refuse(json.error());
  const bool is_asked = json->is_object() && json->size() == 1 && json->contains("ttl");
  if (!is_asked || !((*json)["ttl"].is_string() || (*json)["ttl"].is_number_unsigned()))
    return rest->refuse(bad_request("invalid_request", "a lease is asked for by its ttl alone",
                                    R"(write {"ttl": "30s"}, or {"ttl": 30})"));
  const Json& said = (*json)["ttl"];
  const Result<std::int64_t> ttl = ttl_of(*rest, said.is_string() ? said.get<std::string>() : said.dump());
  if (!ttl) return rest->refuse(ttl.error());
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(*ttl);
  rest_write(rest, node::CommandKind::lease_grant, request,
             [](RestCall& call, const mvcc::Outcome& outcome) {
               etcdserverpb::LeaseGrantResponse granted;
               CHECK(granted.ParseFromString(outcome.body));
               respond_json(call, 201, lease_json(granted.id(), granted.ttl()), outcome.revision);
             },
             {.id = lease_id_for(*rest), .ttl_s = rest->config().lease_ttl_min_s});
}

void rest_leases(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"after", "limit", "consistency"});
  if (!known) return rest->refuse(known.error());
  const Result<std::int64_t> limit =
      number_parameter(rest->target(), "limit", rest->config().page_keys_default);
  if (!limit) return rest->refuse(limit.error());
  std::optional<std::int64_t> after;
  if (const std::string* const text = rest->target().parameter("after")) {
    const Result<std::int64_t> id = lease_id_from(*text);
    if (!id) return rest->refuse(id.error());
    after = *id;
  }
  const std::int64_t most = rest->config().page_keys_max;
  const auto count = static_cast<std::size_t>(*limit == 0 || *limit > most ? most : *limit);
  rest_read(rest, [after, count](RestCall& call, const mvcc::View& view, Consistency consistency) {
    auto some = view.leases_after(after, count + 1);
    const bool more = some.size() > count;
    if (more) some.pop_back();
    Json leases = Json::array();
    for (const mvcc::LeaseInfo& lease : some) {
      if (const Status may = view.allows({{etcd::Access::attached, {}, {}, lease.id}}); !may)
        return call.refuse(may.error());
      leases.push_back(lease_json(lease.id, lease.ttl_s));
    }
    rpc::HttpResponse response =
        json_response(200, Json{{"leases", std::move(leases)}, {"more", more}}.dump());
    mark_read(&response, view, consistency);
    call.respond(std::move(response));
  });
}

void rest_lease(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"keys"});
  if (!known) return rest->refuse(known.error());
  const Result<std::int64_t> id = id_of(rest->target());
  if (!id) return rest->refuse(id.error());
  ask_leader(rest, node::LeaseCallKind::time_to_live, *id,
             [id = *id](const Rest& call, const node::LeaseTime& time) {
               if (time.left_s < 0) return call->refuse(etcd::error_of(Reason::lease_not_found));
               Json body = lease_json(id, time.left_s);
               body["granted_ttl"] = time.granted_s;
               if (!call->target().flag("keys")) return respond_json(*call, 200, body, time.revision);
               rest_read(call, [id, body](RestCall& at, const mvcc::View& view, Consistency) {
                 add_keys(at, view, id, body);
               });
             });
}

void rest_keep_alive(const Rest& rest) {
  if (const Status known = only_parameters(rest->target(), {}); !known) return rest->refuse(known.error());
  const Result<std::int64_t> id = id_of(rest->target());
  if (!id) return rest->refuse(id.error());
  ask_leader(rest, node::LeaseCallKind::keep_alive, *id,
             [id = *id](const Rest& call, const node::LeaseTime& time) {
               if (time.left_s <= 0) return call->refuse(etcd::error_of(Reason::lease_not_found));
               respond_json(*call, 200, lease_json(id, time.left_s), time.revision);
             });
}

void rest_revoke_lease(const Rest& rest) {
  if (const Status known = only_parameters(rest->target(), {}); !known) return rest->refuse(known.error());
  const Result<std::int64_t> id = id_of(rest->target());
  if (!id) return rest->refuse(id.error());
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(*id);
  rest_write(rest, node::CommandKind::lease_revoke, request,
             [](RestCall& call, const mvcc::Outcome& outcome) {
               respond_json(call, 200, {{"revision", outcome.revision}}, outcome.revision);
             });
}

}  // namespace cairn::api
