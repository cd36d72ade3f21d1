// The single writes, alone or inside a txn: checks that need the state, and the change itself with its
// response. The response bodies are without header; `body` may be nullptr.
#pragma once

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

Status check_lease(const Leases& leases, const etcdserverpb::PutRequest& request);
// ignore_value and ignore_lease need a key to take them from.
Status check_previous(const Store& store, const etcdserverpb::PutRequest& request);

// What the response to a deletion will hold is spent: of all its keys, when they are asked for.
bool measure_delete(const Reading& reading, const etcdserverpb::DeleteRangeRequest& request,
                    ReadingBudget* budget);

// Both keep the attachments of keys to leases.
void write_put(Storage* to, const etcdserverpb::PutRequest& request, std::string* body);
void write_delete(Storage* to, const etcdserverpb::DeleteRangeRequest& request, std::string* body);

}  // namespace cairn::mvcc
