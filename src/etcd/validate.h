// Checks that need no state, with etcd's texts and codes and in etcd's order (confirmed against a running
// etcd), and the proof that a request has passed them: Checked. A request is checked once where its bytes
// were parsed: before it enters the log, or a view is asked; and on each member when it comes out of the log,
// which is bytes from elsewhere again. Pure.
#pragma once

#include "base/result.h"
#include "etcd/limits.h"

namespace etcdserverpb {
class CompactionRequest;
class DeleteRangeRequest;
class LeaseGrantRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::etcd {

Status validate(const etcdserverpb::RangeRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::PutRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::DeleteRangeRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::TxnRequest& request, const RequestLimits& limits = {});
Status validate(const etcdserverpb::LeaseGrantRequest& request, const RequestLimits& limits = {});

// A request that has passed validate(). Who takes one has no need to check it, and who has none cannot forget
// to. It refers to the request, which stays where and as it is meanwhile.
template <class Request>
class Checked;
template <class Request>
Result<Checked<Request>> check(const Request& request, const RequestLimits& limits = {});

template <class Request>
class Checked {
 public:
  const Request& operator*() const { return *request_; }
  const Request* operator->() const { return request_; }

 private:
  friend Result<Checked> check<Request>(const Request& request, const RequestLimits& limits);
  explicit Checked(const Request& request) : request_(&request) {}

  const Request* request_;
};

template <class Request>
Result<Checked<Request>> check(const Request& request, const RequestLimits& limits) {
  TRY(validate(request, limits));
  return Checked<Request>(request);
}

// Ranges only: may skip the log. A nested txn counts as a write, as in etcd.
bool is_read_only(const etcdserverpb::TxnRequest& request);
// Whether it holds a put that one of its outcomes would carry out.
bool may_put(const etcdserverpb::TxnRequest& request);
// Every range is serializable: a read-only txn may then be served locally at once.
bool is_serializable(const etcdserverpb::TxnRequest& request);

}  // namespace cairn::etcd
