// The single writes, alone or inside a txn: checks that need the state, and the change itself with its
// response. The response bodies are without header; `body` may be nullptr.
#pragma once

#include <string>

#include "base/result.h"
#include "mvcc/range.h"
#include "mvcc/reading_budget.h"
#include "mvcc/store.h"

namespace etcdserverpb {
class DeleteRangeRequest;
class PutRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

// No lease exists yet: the store will know which do.
Status check_lease(const etcdserverpb::PutRequest& request);
// ignore_value and ignore_lease need a key to take them from.
Status check_previous(const Store& store, const etcdserverpb::PutRequest& request);

// What the response to a deletion will hold is spent: of all its keys, when they are asked for.
bool measure_delete(const Reading& reading, const etcdserverpb::DeleteRangeRequest& request,
                    ReadingBudget* budget);

void write_put(Store* store, const etcdserverpb::PutRequest& request, std::string* body);
void write_delete(Store* store, const etcdserverpb::DeleteRangeRequest& request, std::string* body);

}  // namespace cairn::mvcc
