#include "mvcc/txn.h"

#include "base/check.h"
#include "etcd/reasons.h"
#include "mvcc/encode.h"
#include "mvcc/write.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

using Ops = google::protobuf::RepeatedPtrField<RequestOp>;

const Ops& branch(const TxnRequest& request, bool succeeded) {
  return succeeded ? request.success() : request.failure();
}

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// A missing key (nullptr) compares as zero.
bool holds(const Compare& compare, const Record* record) {
  int result = 0;
  switch (compare.target()) {
    case Compare::VALUE:
      result =
          order(record == nullptr ? std::string_view() : record->value(), std::string_view(compare.value()));
      break;
    case Compare::VERSION:
      result = order(record == nullptr ? 0 : record->version(), compare.version());
      break;
    case Compare::CREATE:
      result = order(record == nullptr ? 0 : record->create_revision(), compare.create_revision());
      break;
    case Compare::MOD:
      result = order(record == nullptr ? 0 : record->mod_revision(), compare.mod_revision());
      break;
    case Compare::LEASE:
      result = order(record == nullptr ? 0 : record->lease(), compare.lease());
      break;
    default:  // unknown to this version: equal, as in etcd
      break;
  }
  switch (compare.result()) {
    case Compare::EQUAL:
      return result == 0;
    case Compare::NOT_EQUAL:
      return result != 0;
    case Compare::GREATER:
      return result > 0;
    case Compare::LESS:
      return result < 0;
    default:
      return true;
  }
}

// True when it holds for every key of the range; an empty range is a missing key.
bool holds(const Reading& reading, const Compare& compare, ReadingBudget* budget) {
  const KeyRange range(compare.key(), compare.range_end());
  bool empty = true;
  if (range.single()) {
    const Record* const record = at_revision(KeyTree::find(reading.keys, range.first()), reading.revision);
    if (record != nullptr) return holds(compare, record);
  } else {
    KeyTree::Cursor cursor(reading.keys, range.first());
    for (cursor.seek_live(); cursor.get() != nullptr && range.holds(cursor.get()->key());
         cursor.next_live()) {
      if (!budget->spend_records(1)) return false;
      empty = false;
      if (!holds(compare, cursor.get())) return false;
    }
  }
  // A value that does not exist is neither equal nor unequal to any.
  return !empty || (compare.target() != Compare::VALUE && holds(compare, nullptr));
}

void choose(const Reading& reading, const TxnRequest& request, ReadingBudget* budget,
            std::vector<bool>* path) {
  bool succeeded = true;
  for (const Compare& compare : request.compare()) succeeded = succeeded && holds(reading, compare, budget);
  path->push_back(succeeded);
  for (const RequestOp& op : branch(request, succeeded)) {
    if (op.has_request_txn()) choose(reading, op.request_txn(), budget, path);
  }
}

// Calls check(op) for every op on the path that is not a txn.
template <class Check>
Status check_path(const TxnRequest& request, const std::vector<bool>& path, std::size_t* position,
                  Check check) {
  CHECK(*position < path.size());
  for (const RequestOp& op : branch(request, path[(*position)++])) {
    if (op.has_request_txn())
      TRY(check_path(op.request_txn(), path, position, check));
    else
      TRY(check(op));
  }
  return {};
}

class Run {
 public:
  Run(Storage* to, const Reading* reading, const std::vector<bool>& path)
      : to_(to), store_(to == nullptr ? nullptr : &to->store), reading_(reading), path_(path) {}

  void txn(const TxnRequest& request, std::string* body) {
    CHECK(position_ < path_.size());
    const bool succeeded = path_[position_++];
    if (body != nullptr) encode::number(body, 2, succeeded ? 1 : 0);
    for (const RequestOp& op : branch(request, succeeded)) {
      std::string response;
      run(op, body == nullptr ? nullptr : &response);
      if (body == nullptr) continue;
      std::string response_op;
      encode::bytes(&response_op, op.request_case(), response);  // a response has the number of its request
      encode::bytes(body, 3, response_op);
    }
  }

 private:
  std::int64_t revision() const {
    return store_ != nullptr ? store_->pending_revision() : reading_->revision;
  }

  void run(const RequestOp& op, std::string* response) {
    std::string rest;
    std::string* const body = response == nullptr ? nullptr : &rest;
    switch (op.request_case()) {
      case RequestOp::kRequestRange:
        if (body != nullptr) {
          if (store_ != nullptr)
            append_range({store_->root(), revision(), store_->compact_revision(), &store_->step()},
                         op.request_range(), body);
          else
            append_range(*reading_, op.request_range(), body);
        }
        break;
      case RequestOp::kRequestPut:
        CHECK(store_ != nullptr);
        write_put(to_, op.request_put(), body);
        break;
      case RequestOp::kRequestDeleteRange:
        CHECK(store_ != nullptr);
        write_delete(to_, op.request_delete_range(), body);
        break;
      case RequestOp::kRequestTxn:
        txn(op.request_txn(), body);
        break;
      case RequestOp::REQUEST_NOT_SET:
        CHECK(false);  // refused before: etcd/validate.h
    }
    if (response == nullptr) return;
    // A nested txn's own header is empty, as in etcd.
    encode::nested_header(response, op.has_request_txn() ? 0 : revision());
    response->append(rest);
  }

  Storage* const to_;
  Store* const store_;
  const Reading* const reading_;
  const std::vector<bool>& path_;
  std::size_t position_ = 0;
};

}  // namespace

std::vector<bool> choose_path(const Reading& reading, const TxnRequest& request, ReadingBudget* budget) {
  std::vector<bool> path;
  choose(reading, request, budget, &path);
  return path;
}

void measure_answer(const Reading& reading, const TxnRequest& request, const std::vector<bool>& path,
                    ReadingBudget* budget) {
  std::vector<const etcdserverpb::PutRequest*> puts;  // so far: what follows on the path sees them
  std::size_t position = 0;
  static_cast<void>(check_path(request, path, &position, [&](const RequestOp& op) -> Status {
    if (op.has_request_put()) {
      if (op.request_put().prev_kv()) measure_key(reading, op.request_put().key(), 0, budget);
      puts.push_back(&op.request_put());
    } else if (op.has_request_delete_range()) {
      measure_delete(reading, op.request_delete_range(), budget);
    } else {
      measure_range(reading, op.request_range(), budget);
      const KeyRange range(op.request_range().key(), op.request_range().range_end());
      for (const auto* const put : puts)
        if (range.holds(put->key())) budget->spend_bytes(put->ByteSizeLong());
    }
    if (budget->overspent()) return tl::unexpected(budget->refusal());
    return {};
  }));
}

Status check_puts(const Storage& state, const TxnRequest& request, const std::vector<bool>& path,
                  BroughtLease* brought) {
  std::size_t position = 0;
  return check_path(request, path, &position, [&state, brought](const RequestOp& op) -> Status {
    if (!op.has_request_put()) return {};
    TRY(check_previous(state.store, op.request_put()));
    return check_lease(state.leases, op.request_put(), brought);
  });
}

Status check_ranges(const Reading& reading, const TxnRequest& request, const std::vector<bool>& path) {
  std::size_t position = 0;
  return check_path(request, path, &position, [&reading](const RequestOp& op) -> Status {
    if (!op.has_request_range() || op.request_range().revision() == 0) return {};
    // Stricter than for a bare range: a negative revision is not the newest one but below the compacted one.
    if (op.request_range().revision() < reading.compact_revision) return fail(Reason::compacted);
    return check_revision(reading, op.request_range().revision());
  });
}

void write_txn(Storage* to, const TxnRequest& request, const std::vector<bool>& path, std::string* body) {
  Run(to, nullptr, path).txn(request, body);
}

void read_txn(const Reading& reading, const TxnRequest& request, const std::vector<bool>& path,
              std::string* body) {
  Run(nullptr, &reading, path).txn(request, body);
}

}  // namespace cairn::mvcc
