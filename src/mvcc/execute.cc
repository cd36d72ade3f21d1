#include "mvcc/execute.h"

#include <utility>
#include <vector>

#include "etcd/reasons.h"
#include "mvcc/encode.h"
#include "mvcc/range_cursor.h"
#include "mvcc/txn.h"
#include "mvcc/write.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {
namespace {

Outcome finish(Store* store, std::string body) {
  store->end_write();
  Outcome outcome;
  outcome.revision = store->revision();
  outcome.body = std::move(body);
  return outcome;
}

Reading reading_of(const Store& store) {
  return {store.root(), store.pending_revision(), store.compact_revision(), &store.step()};
}

}  // namespace

Outcome execute(Storage* to, etcd::Checked<etcdserverpb::PutRequest> request, const Answering& how) {
  Store* const store = &to->store;
  // Unlike inside a txn, the lease comes before the key: etcd looks at it first.
  BroughtLease brought{how.lease};
  if (auto checked = check_lease(to->leases, *request, &brought); !checked)
    return refuse(std::move(checked).error(), store->revision());
  if (auto checked = check_previous(*store, *request); !checked)
    return refuse(std::move(checked).error(), store->revision());
  std::string body;
  brought.grant(&to->leases);
  store->begin_write();
  write_put(to, *request, how.with_body ? &body : nullptr);
  return finish(store, std::move(body));
}

Outcome execute(Storage* to, etcd::Checked<etcdserverpb::DeleteRangeRequest> request, const Answering& how) {
  Store* const store = &to->store;
  ReadingBudget budget(how.bytes_max);
  if (!measure_delete(reading_of(*store), *request, &budget))
    return refuse(budget.refusal(), store->revision());
  std::string body;
  store->begin_write();
  write_delete(to, *request, how.with_body ? &body : nullptr);
  return finish(store, std::move(body));
}

Outcome execute(Storage* to, etcd::Checked<etcdserverpb::TxnRequest> request, const Answering& how) {
  Store* const store = &to->store;
  const Reading reading = reading_of(*store);
  ReadingBudget budget(how.bytes_max);
  const std::vector<bool> path = choose_path(reading, *request, &budget);
  if (budget.overspent()) return refuse(budget.refusal(), store->revision());
  BroughtLease brought{how.lease};
  if (auto checked = check_puts(*to, *request, path, &brought); !checked)
    return refuse(std::move(checked).error(), store->revision());
  if (auto checked = check_ranges(reading, *request, path); !checked)
    return refuse(std::move(checked).error(), store->revision());
  measure_answer(reading, *request, path, &budget);
  if (budget.overspent()) return refuse(budget.refusal(), store->revision());
  std::string body;
  brought.grant(&to->leases);
  store->begin_write();
  store->operations().txns += 1;
  write_txn(to, *request, path, how.with_body ? &body : nullptr);
  return finish(store, std::move(body));
}

Outcome execute(Store* store, const etcdserverpb::CompactionRequest& request) {
  if (request.revision() <= store->compact_revision())
    return refuse(etcd::error_of(Reason::compacted), store->revision());
  if (request.revision() > store->revision())
    return refuse(etcd::error_of(Reason::future_revision), store->revision());
  store->compact(request.revision());
  Outcome outcome;
  outcome.revision = store->revision();
  return outcome;
}

Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request, Counting counting) {
  if (auto checked = check_revision(reading, request->revision()); !checked)
    return refuse(std::move(checked).error(), reading.revision);
  Outcome outcome;
  outcome.revision = reading.revision;
  append_range(reading, *request, &outcome.body, counting);
  return outcome;
}

RangeAnswer query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request,
                  std::shared_ptr<const void> keep) {
  RangeAnswer answer;
  if (Status checked = check_revision(reading, request->revision()); !checked) {
    answer.outcome = refuse(std::move(checked).error(), reading.revision);
    return answer;
  }
  answer.outcome.revision = reading.revision;
  if (!append_small(reading, *request, &answer.outcome.body))
    answer.large = std::make_unique<RangeCursor>(reading, *request, std::move(keep));
  return answer;
}

Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::TxnRequest> request,
              std::uint64_t answer_bytes_max) {
  if (!etcd::is_read_only(*request)) {
    return refuse(
        {Code::invalid_argument, "a txn with writes was asked of a view, which cannot write: propose it"},
        reading.revision);
  }
  ReadingBudget budget(answer_bytes_max);
  const std::vector<bool> path = choose_path(reading, *request, &budget);
  if (budget.overspent()) return refuse(budget.refusal(), reading.revision);
  if (auto checked = check_ranges(reading, *request, path); !checked)
    return refuse(std::move(checked).error(), reading.revision);
  measure_answer(reading, *request, path, &budget);
  if (budget.overspent()) return refuse(budget.refusal(), reading.revision);
  Outcome outcome;
  outcome.revision = reading.revision;
  read_txn(reading, *request, path, &outcome.body);
  return outcome;
}

}  // namespace cairn::mvcc
