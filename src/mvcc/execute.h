// Execute: one checked request against the store, with etcd's rules. Everything that can refuse a request
// is checked before its first change, so a refused one leaves nothing behind.
#pragma once

#include <memory>
#include <string>

#include "etcd/validate.h"
#include "mvcc/outcome.h"
#include "mvcc/range.h"
#include "mvcc/store.h"

namespace cairn::mvcc {

// `with_body` false spares the response; the store changes all the same.
Outcome execute(Store* store, etcd::Checked<etcdserverpb::PutRequest> request, bool with_body);
Outcome execute(Store* store, etcd::Checked<etcdserverpb::DeleteRangeRequest> request, bool with_body);
Outcome execute(Store* store, etcd::Checked<etcdserverpb::TxnRequest> request, bool with_body);
Outcome execute(Store* store, const etcdserverpb::CompactionRequest& request);

Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request);
// As that, but only one small value comes as the outcome's body. `keep` is what the reading belongs to.
RangeAnswer query(const Reading& reading, etcd::Checked<etcdserverpb::RangeRequest> request,
                  std::shared_ptr<const void> keep);
// The txn is read-only (etcd/validate.h).
Outcome query(const Reading& reading, etcd::Checked<etcdserverpb::TxnRequest> request);

}  // namespace cairn::mvcc
