// One key: GET, PUT and DELETE of /v1/kv/{key}.
#include "api/json.h"
#include "api/precondition.h"
#include "api/rest.h"
#include "api/rest_lease.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"

namespace cairn::api {
namespace {

using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

void refuse_missing(RestCall& rest, const mvcc::View& view, Consistency consistency, const std::string& key) {
  rpc::HttpResponse response = to_response(
      {.status = 404, .code = "key_not_found", .title = "The key does not exist", .detail = key, .hint = ""},
      rest.leader().url);
  mark_read(&response, view, consistency);
  rest.respond(std::move(response));
}

// `status`: 200, or 304 with everything but the body.
rpc::HttpResponse kv_response(const mvccpb::KeyValue& kv, int status, Representation of) {
  rpc::HttpResponse response;
  response.status = status;
  if (status == 200 && of == Representation::json) {
    response = json_response(200, to_json(kv).dump());
  } else if (status == 200) {
    response.headers.emplace_back("content-type", "application/octet-stream");
    response.body = kv.value();
  }
  response.headers.emplace_back("etag", etag_of(kv.mod_revision(), of));
  response.headers.emplace_back("vary", "accept");
  response.headers.emplace_back("cairn-create-revision", std::to_string(kv.create_revision()));
  response.headers.emplace_back("cairn-mod-revision", std::to_string(kv.mod_revision()));
  response.headers.emplace_back("cairn-version", std::to_string(kv.version()));
  if (kv.lease() != 0) response.headers.emplace_back("cairn-lease", lease_name(kv.lease()));
  return response;
}

void read_key(RestCall& rest, const mvcc::View& view, Consistency consistency,
              const etcdserverpb::RangeRequest& request) {
  rest.config().metrics->ranges.add();
  const auto checked = etcd::check(request, rest.config().request);
  if (!checked) return rest.refuse(checked.error());
  const mvcc::Outcome outcome = view.range(*checked);
  if (outcome.code != Code::ok) return rest.refuse(outcome.refusal());
  etcdserverpb::RangeResponse found;
  CHECK(found.ParseFromString(outcome.body));
  if (found.kvs_size() == 0 && rest.header("if-match"))
    return refuse_precondition(rest, std::nullopt, view.revision());
  if (found.kvs_size() == 0) return refuse_missing(rest, view, consistency, request.key());
  const mvccpb::KeyValue& kv = found.kvs(0);
  const Representation of = rest.wants_json() ? Representation::json : Representation::raw;
  const Result<int> status = status_of_read(rest, kv.mod_revision(), of);
  if (!status) return rest.refuse(status.error());
  if (*status == 412) return refuse_precondition(rest, kv.mod_revision(), view.revision());
  rpc::HttpResponse response = kv_response(kv, *status, of);
  mark_read(&response, view, consistency);
  rest.respond(std::move(response));
}

struct Written {
  int status;
  std::int64_t revision, lease;  // 0: none
};

void respond_written(RestCall& rest, const Written& written, const mvccpb::KeyValue* previous) {
  const auto [status, revision, lease] = written;
  rpc::HttpResponse response;
  response.status = status;
  if (previous != nullptr || rest.wants_json()) {
    Json body = {{"mod_revision", revision}};
    if (previous != nullptr) body["previous"] = to_json(*previous);
    response = json_response(status, body.dump());
  }
  response.headers.emplace_back("etag", etag_of(revision, Representation::raw));
  response.headers.emplace_back("cairn-revision", std::to_string(revision));
  if (lease != 0) response.headers.emplace_back("cairn-lease", lease_name(lease));
  rest.respond(std::move(response));
}

// Whether the key was there before, and then the put, whose condition `txn` may have.
void put(const Rest& rest, TxnRequest txn, const etcdserverpb::PutRequest& put,
         const mvcc::LeaseChoice& lease) {
  if (txn.compare_size() > 0) report_current_otherwise(put.key(), &txn);
  etcdserverpb::RangeRequest* before = txn.add_success()->mutable_request_range();
  before->set_key(put.key());
  before->set_count_only(true);
  *txn.add_success()->mutable_request_put() = put;
  const auto done = [lease = lease.id](RestCall& call, const mvcc::Outcome& outcome) {
    TxnResponse response;
    CHECK(response.ParseFromString(outcome.body));
    if (!response.succeeded()) return refuse_precondition(call, response, outcome.revision);
    const bool created = response.responses(0).response_range().count() == 0;
    const auto& put_response = response.responses(1).response_put();
    respond_written(call, {created ? 201 : 200, outcome.revision, lease},
                    put_response.has_prev_kv() ? &put_response.prev_kv() : nullptr);
  };
  rest_write(rest, node::CommandKind::txn, txn, done, lease.ttl_s == 0 ? mvcc::LeaseChoice{} : lease);
}

void respond_deleted(RestCall& rest, const etcdserverpb::DeleteRangeResponse& response,
                     std::int64_t revision) {
  Json body = {{"deleted", response.deleted()}, {"revision", revision}};
  if (response.prev_kvs_size() > 0) {
    Json& previous = body["previous"] = Json::array();
    for (const mvccpb::KeyValue& kv : response.prev_kvs()) previous.push_back(to_json(kv));
  }
  rpc::HttpResponse out = json_response(200, body.dump());
  out.headers.emplace_back("cairn-revision", std::to_string(revision));
  rest.respond(std::move(out));
}

void delete_range(const Rest& rest, const etcdserverpb::DeleteRangeRequest& request) {
  rest_write(rest, node::CommandKind::delete_range, request,
             [](RestCall& call, const mvcc::Outcome& outcome) {
               etcdserverpb::DeleteRangeResponse response;
               CHECK(response.ParseFromString(outcome.body));
               respond_deleted(call, response, outcome.revision);
             });
}

}  // namespace

void rest_get(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"enc", "rev", "consistency"});
  if (!known) return rest->refuse(known.error());
  Result<std::string> key = key_of(rest->target());
  if (!key) return rest->refuse(key.error());
  const Result<std::int64_t> revision = number_parameter(rest->target(), "rev", 0);
  if (!revision) return rest->refuse(revision.error());
  etcdserverpb::RangeRequest request;
  request.set_key(*std::move(key));
  request.set_revision(*revision);
  rest_read(rest, [request](RestCall& call, const mvcc::View& view, Consistency consistency) {
    read_key(call, view, consistency, request);
  });
}

void rest_put(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"enc", "prev", "ttl", "lease"});
  if (!known) return rest->refuse(known.error());
  Result<std::string> key = key_of(rest->target());
  if (!key) return rest->refuse(key.error());
  const Result<mvcc::LeaseChoice> lease = lease_of(*rest);
  if (!lease) return rest->refuse(lease.error());
  etcdserverpb::PutRequest request;
  request.set_lease(lease->id);
  request.set_key(*std::move(key));
  request.set_value(rest->request().body);
  request.set_prev_kv(rest->target().flag("prev"));
  TxnRequest txn;
  const Result<bool> conditional = add_preconditions(*rest, request.key(), &txn);
  if (!conditional) return rest->refuse(conditional.error());
  put(rest, std::move(txn), request, *lease);
}

void rest_delete(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"enc", "prev"});
  if (!known) return rest->refuse(known.error());
  Result<std::string> key = key_of(rest->target());
  if (!key) return rest->refuse(key.error());
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(*std::move(key));
  request.set_prev_kv(rest->target().flag("prev"));
  TxnRequest txn;
  const Result<bool> conditional = add_preconditions(*rest, request.key(), &txn);
  if (!conditional) return rest->refuse(conditional.error());
  if (!*conditional) return delete_range(rest, request);
  *txn.add_success()->mutable_request_delete_range() = request;
  report_current_otherwise(request.key(), &txn);
  rest_write(rest, node::CommandKind::txn, txn, [](RestCall& call, const mvcc::Outcome& outcome) {
    TxnResponse response;
    CHECK(response.ParseFromString(outcome.body));
    if (!response.succeeded()) return refuse_precondition(call, response, outcome.revision);
    respond_deleted(call, response.responses(0).response_delete_range(), outcome.revision);
  });
}

void rest_delete_prefix(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"enc", "prefix", "prev", "all"});
  if (!known) return rest->refuse(known.error());
  const Result<std::string> prefix = key_parameter(rest->target(), "prefix");
  if (!prefix) return rest->refuse(prefix.error());
  if (prefix->empty() && !rest->target().flag("all"))
    return rest->refuse(bad_request("prefix_empty", "no prefix: this would delete every key",
                                    "give ?prefix=, or say ?all=true if that is what you want"));
  etcdserverpb::DeleteRangeRequest request;
  set_prefix(*prefix, &request);
  request.set_prev_kv(rest->target().flag("prev"));
  delete_range(rest, request);
}

}  // namespace cairn::api
