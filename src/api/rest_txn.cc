// POST /v1/txn: compares, then one of two lists of operations, all at one revision. CAS and BATCH are such.
#include "api/rest.h"
#include "api/txn_json.h"
#include "etcd/validate.h"

namespace cairn::api {
namespace {

using SharedTxn = std::shared_ptr<const etcdserverpb::TxnRequest>;

rpc::HttpResponse txn_response(const etcdserverpb::TxnRequest& request, const mvcc::Outcome& outcome) {
  etcdserverpb::TxnResponse response;
  CHECK(response.ParseFromString(outcome.body));
  rpc::HttpResponse out = json_response(200, txn_to_json(request, response, outcome.revision).dump());
  out.headers.emplace_back("cairn-revision", std::to_string(outcome.revision));
  return out;
}

// `checked` is the txn.
void read_only(const Rest& rest, SharedTxn txn, etcd::Checked<etcdserverpb::TxnRequest> checked) {
  rest_read(rest, [txn, checked, bytes_max = rest->config().answer_bytes_max](
                      RestCall& call, const mvcc::View& view, Consistency consistency) {
    const mvcc::Outcome outcome = view.txn(checked, bytes_max);
    if (outcome.code != Code::ok) return call.refuse(outcome.refusal());
    rpc::HttpResponse response = txn_response(*txn, outcome);
    response.headers.pop_back();  // mark_read says the revision
    mark_read(&response, view, consistency);
    call.respond(std::move(response));
  });
}

}  // namespace

void rest_txn(const Rest& rest) {
  const Status known = only_parameters(rest->target(), {"consistency"});
  if (!known) return rest->refuse(known.error());
  Result<etcdserverpb::TxnRequest> parsed =
      txn_from_json(rest->request().body, rest->config().json_depth_max);
  if (!parsed) return rest->refuse(parsed.error());
  const auto txn = std::make_shared<const etcdserverpb::TxnRequest>(*std::move(parsed));
  const auto checked = etcd::check(*txn, rest->config().request);
  if (!checked) return rest->refuse(checked.error());
  if (etcd::is_read_only(*txn)) return read_only(rest, txn, *checked);
  rest_write(rest, node::CommandKind::txn, *txn, [txn](RestCall& call, const mvcc::Outcome& outcome) {
    call.respond(txn_response(*txn, outcome));
  });
}

}  // namespace cairn::api
