// Checks that need no state: made before a request enters the log, with etcd's exact texts and codes and in
// etcd's order. Source: the API's rules in docs (etcd v3), confirmed against a running etcd.
#pragma once

#include "base/result.h"
#include "mvcc/limits.h"

namespace etcdserverpb {
class CompactionRequest;
class DeleteRangeRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

Status validate(const etcdserverpb::RangeRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::PutRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::DeleteRangeRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::TxnRequest& request, const RequestLimits& limits = {});

// Ranges only: may skip the log. A nested txn counts as a write, as in etcd.
bool is_read_only(const etcdserverpb::TxnRequest& request);
// Whether it holds a put that one of its outcomes would carry out.
bool may_put(const etcdserverpb::TxnRequest& request);
// Every range is serializable: a read-only txn may then be served locally at once.
bool is_serializable(const etcdserverpb::TxnRequest& request);

}  // namespace cairn::mvcc
