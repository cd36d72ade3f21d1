// Execute: one checked request against the store, with etcd's rules. Everything that can refuse a request
// is checked before its first change, so a refused one leaves nothing behind.
#pragma once

#include <memory>
#include <string>

#include "etcd/validate.h"
#include "mvcc/outcome.h"
#include "mvcc/range.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {

struct Answering {
  bool with_body = true;        // false spares the response; the store changes all the same
  std::uint64_t bytes_max = 0;  // of a ReadingBudget
  LeaseChoice lease{};          // granted if a put names it
};
Outcome execute(Storage* to, etcd::Checked<etcdserverpb::PutRequest> request, const Answering& how);
Outcome execute(Storage* to, etcd::Checked<etcdserverpb::DeleteRangeRequest> request, const Answering& how);
Outcome execute(Storage* to, etcd::Checked<etcdserverpb::TxnRequest> request, const Answering& how);
Outcome execute(Store* store, const etcdserverpb::CompactionRequest& request);

Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request,
              Counting counting = Counting::whole_range);
// As that, but only one small value comes as the outcome's body. `keep` is what the reading belongs to.
RangeAnswer query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request,
                  std::shared_ptr<const void> keep);
// The txn is read-only (etcd/validate.h).
Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::TxnRequest> request,
              std::uint64_t answer_bytes_max);

}  // namespace cairn::mvcc
