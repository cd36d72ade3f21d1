// The single writes, alone or inside a txn: checks that need the state, and the change itself with its
// response. The response bodies are without header; `body` may be nullptr.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "mvcc/range.h"
#include "mvcc/reading_budget.h"
#include "mvcc/storage.h"

namespace etcdserverpb {
class DeleteRangeRequest;
class PutRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

// The lease that a command may bring with it, for a put that names it.
struct BroughtLease {
  const LeaseChoice choice;
  bool is_wanted = false;
  // Once everything is checked, before the first change.
  void grant(Leases* leases) const {
    if (is_wanted) leases->grant(choice.id, ttl_s());
  }
  std::int64_t ttl_s() const { return std::max(choice.ttl_s, std::int64_t{1}); }
};

// Whether the lease that it names is there, or may be granted with it.
Status check_lease(const Leases& leases, const etcdserverpb::PutRequest& request, BroughtLease* brought);
// ignore_value and ignore_lease need a key to take them from.
Status check_previous(const Store& store, const etcdserverpb::PutRequest& request);

// What the response to a deletion will hold is spent: of all its keys, when they are asked for.
bool measure_delete(const Reading& reading, const etcdserverpb::DeleteRangeRequest& request,
                    ReadingBudget* budget);

// Both keep the attachments of keys to leases.
void write_put(Storage* to, const etcdserverpb::PutRequest& request, std::string* body);
void write_delete(Storage* to, const etcdserverpb::DeleteRangeRequest& request, std::string* body);

}  // namespace cairn::mvcc
