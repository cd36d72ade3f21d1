#include "sim/wire.h"

#include "base/check.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"
#include "node/requests.h"
#include "proto/command.pb.h"
#include "proto/rpc.pb.h"

namespace cairn::sim {
namespace {

KeyState to_state(const mvccpb::KeyValue& kv) {
  return KeyState{kv.value(), kv.create_revision(), kv.mod_revision(), kv.version()};
}

void to_message(const std::string& key, const KeyState& state, mvccpb::KeyValue* kv) {
  kv->set_key(key);
  kv->set_value(state.value);
  kv->set_create_revision(state.create_revision);
  kv->set_mod_revision(state.mod_revision);
  kv->set_version(state.version);
}

std::optional<KeyState> find(const etcdserverpb::RangeResponse& response, const std::string& key) {
  for (const mvccpb::KeyValue& kv : response.kvs())
    if (kv.key() == key) return to_state(kv);
  return std::nullopt;
}

// The key and the second one of that name, and no other between them.
std::string behind_pair(const std::string& key) { return second_key(key) + '\0'; }

bool is_txn(const Request& request) { return request.guard || request.writes.size() > 1; }

etcdserverpb::TxnRequest to_txn(const Request& request) {
  etcdserverpb::TxnRequest txn;
  if (request.guard) {
    etcdserverpb::Compare* compare = txn.add_compare();
    compare->set_key(request.guard->key);
    compare->set_target(etcdserverpb::Compare::MOD);
    compare->set_result(etcdserverpb::Compare::EQUAL);
    compare->set_mod_revision(request.guard->mod_revision);
  }
  const bool is_bounded = request.answer_bytes_max != 0;
  const auto add_read = [&](etcdserverpb::RequestOp* op) {
    op->mutable_request_range()->set_key(request.read_key);
    if (is_bounded) op->mutable_request_range()->set_range_end(behind_pair(request.read_key));
  };
  if (is_bounded) add_read(txn.add_success());
  for (const Request::Write& write : request.writes) {
    etcdserverpb::RequestOp* op = txn.add_success();
    if (write.value) {
      op->mutable_request_put()->set_key(write.key);
      op->mutable_request_put()->set_value(*write.value);
    } else {
      op->mutable_request_delete_range()->set_key(write.key);
    }
  }
  if (!request.read_key.empty()) add_read(txn.add_failure());
  return txn;
}

Request from_txn(const etcdserverpb::TxnRequest& txn) {
  Request request;
  if (txn.compare_size() > 0) {
    request.guard = Request::Guard{txn.compare(0).key(), txn.compare(0).mod_revision()};
  }
  for (const etcdserverpb::RequestOp& op : txn.success()) {
    if (op.has_request_put()) {
      request.writes.push_back({op.request_put().key(), op.request_put().value()});
    } else if (op.has_request_delete_range()) {
      request.writes.push_back({op.request_delete_range().key(), std::nullopt});
    }
  }
  if (txn.failure_size() > 0) request.read_key = txn.failure(0).request_range().key();
  return request;
}

bool decode_txn(const Request& request, const std::string& body, Reply* reply) {
  etcdserverpb::TxnResponse response;
  if (!response.ParseFromString(body)) return false;
  reply->held = response.succeeded();
  for (const etcdserverpb::ResponseOp& op : response.responses()) {
    if (op.has_response_delete_range()) reply->deleted += op.response_delete_range().deleted();
    if (op.has_response_range() && !reply->held) reply->seen = find(op.response_range(), request.read_key);
  }
  return true;
}

}  // namespace

mvcc::CommandKind kind_of(const Request& request) {
  if (is_txn(request)) return mvcc::CommandKind::txn;
  return request.writes[0].value ? mvcc::CommandKind::put : mvcc::CommandKind::delete_range;
}

std::string encode(const Request& request) {
  CHECK(request.is_write());
  if (is_txn(request)) return to_txn(request).SerializeAsString();
  const Request::Write& write = request.writes[0];
  if (!write.value) {
    etcdserverpb::DeleteRangeRequest message;
    message.set_key(write.key);
    return message.SerializeAsString();
  }
  etcdserverpb::PutRequest message;
  message.set_key(write.key);
  message.set_value(*write.value);
  return message.SerializeAsString();
}

std::size_t response_bytes(const Request& request, const Reply& reply) {
  etcdserverpb::DeleteRangeResponse deleted;
  deleted.set_deleted(reply.deleted);
  if (!is_txn(request)) return request.writes[0].value ? 0 : deleted.ByteSizeLong();
  etcdserverpb::TxnResponse txn;
  txn.set_succeeded(reply.held);
  for (const Request::Write& write : request.writes) {
    if (!reply.held) break;
    etcdserverpb::ResponseOp* op = txn.add_responses();
    if (!write.value) *op->mutable_response_delete_range() = deleted;
    auto* header = write.value ? op->mutable_response_put()->mutable_header()
                               : op->mutable_response_delete_range()->mutable_header();
    header->set_revision(reply.revision);
  }
  if (reply.held || request.read_key.empty()) return txn.ByteSizeLong();
  etcdserverpb::RangeResponse* range = txn.add_responses()->mutable_response_range();
  range->mutable_header()->set_revision(reply.revision);
  if (!reply.seen) return txn.ByteSizeLong();
  to_message(request.read_key, *reply.seen, range->add_kvs());
  range->set_count(1);
  return txn.ByteSizeLong();
}

std::size_t read_bytes(const Request& request, const Store& store) {
  constexpr std::size_t kLookedAtBytes = 64;  // each record
  etcdserverpb::RangeResponse answer;
  for (const std::string& key : {request.read_key, second_key(request.read_key)}) {
    const auto found = store.keys.find(key);
    if (found != store.keys.end()) to_message(key, found->second, answer.add_kvs());
  }
  answer.set_count(answer.kvs_size());
  return kLookedAtBytes * static_cast<std::size_t>(answer.kvs_size()) + answer.ByteSizeLong();
}

bool is_refused(const mvcc::Outcome& outcome) {
  return outcome.code != Code::ok && etcd::applied_of(outcome.refusal()) == etcd::Applied::no;
}

std::optional<Reply> decode(const Request& request, const mvcc::Outcome& outcome) {
  if (outcome.code != Code::ok) return std::nullopt;
  Reply reply;
  reply.revision = outcome.revision;
  if (is_txn(request)) return decode_txn(request, outcome.body, &reply) ? std::optional(reply) : std::nullopt;
  if (!request.writes[0].value) {
    etcdserverpb::DeleteRangeResponse response;
    if (!response.ParseFromString(outcome.body)) return std::nullopt;
    reply.deleted = response.deleted();
  }
  return reply;
}

Reply read(const Request& request, const mvcc::View& view) {
  etcdserverpb::RangeRequest range;
  range.set_key(request.read_key);
  const mvcc::Outcome outcome = view.range(*etcd::check(range));
  etcdserverpb::RangeResponse response;
  CHECK(outcome.code == Code::ok && response.ParseFromString(outcome.body));
  Reply reply;
  reply.revision = outcome.revision;
  reply.seen = find(response, request.read_key);
  return reply;
}

std::optional<Request> decode(const command::Command& command) {
  Request request;
  switch (command.request_case()) {
    case command::Command::kPut:
      request.writes = {{command.put().key(), command.put().value()}};
      return request;
    case command::Command::kDeleteRange:
      request.writes = {{command.delete_range().key(), std::nullopt}};
      return request;
    case command::Command::kTxn:
      request = from_txn(command.txn());
      request.answer_bytes_max = command.answer_bytes_max();
      return request;
    default:
      return std::nullopt;
  }
}

}  // namespace cairn::sim
