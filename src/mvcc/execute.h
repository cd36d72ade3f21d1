// Execute: one validated request against the store, with etcd's rules. Everything that can refuse a request
// is checked before its first change, so a refused one leaves nothing behind.
#pragma once

#include <memory>
#include <string>

#include "mvcc/outcome.h"
#include "mvcc/range.h"
#include "mvcc/store.h"

namespace etcdserverpb {
class CompactionRequest;
class DeleteRangeRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

Outcome refuse(Error error, std::int64_t revision);

// `with_body` false spares the response; the store changes all the same.
Outcome execute(Store* store, const etcdserverpb::PutRequest& request, bool with_body);
Outcome execute(Store* store, const etcdserverpb::DeleteRangeRequest& request, bool with_body);
Outcome execute(Store* store, const etcdserverpb::TxnRequest& request, bool with_body);
Outcome execute(Store* store, const etcdserverpb::CompactionRequest& request);

Outcome query(const Reading& reading, const etcdserverpb::RangeRequest& request);
// As that, but only one small value comes as the outcome's body. `keep` is what the reading belongs to.
RangeAnswer query(const Reading& reading, const etcdserverpb::RangeRequest& request,
                  std::shared_ptr<const void> keep);
// The txn is read-only (validate.h).
Outcome query(const Reading& reading, const etcdserverpb::TxnRequest& request);

}  // namespace cairn::mvcc
