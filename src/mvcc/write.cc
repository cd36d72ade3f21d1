#include "mvcc/write.h"

#include <vector>

#include "base/check.h"
#include "etcd/reasons.h"
#include "mvcc/encode.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {

Status check_lease(const Leases& leases, const etcdserverpb::PutRequest& request, BroughtLease* brought) {
  const std::int64_t lease = request.lease();
  if (lease == 0) return {};
  if (lease == brought->choice.id) {
    brought->is_wanted = true;
    return leases.may_grant(lease, brought->ttl_s());
  }
  return leases.exists(lease) ? Status() : fail(Reason::lease_not_found);
}

Status check_previous(const Store& store, const etcdserverpb::PutRequest& request) {
  if ((request.ignore_value() || request.ignore_lease()) && store.find(request.key()) == nullptr)
    return fail(Reason::key_not_found);
  return {};
}

bool measure_delete(const Reading& reading, const etcdserverpb::DeleteRangeRequest& request,
                    ReadingBudget* budget) {
  if (!request.prev_kv()) return true;
  etcdserverpb::RangeRequest all;
  all.set_key(request.key());
  all.set_range_end(request.range_end());
  return measure_range(reading, all, budget);
}

void write_put(Storage* to, const etcdserverpb::PutRequest& request, std::string* body) {
  Store* const store = &to->store;
  const bool needs_previous = request.prev_kv() || request.ignore_value() || request.ignore_lease();
  const Record* const previous = needs_previous ? store->find(request.key()) : nullptr;
  // check_previous() saw the key before the txn; only a delete before it in the same txn can have removed it.
  const bool keeps_value = request.ignore_value() && previous != nullptr;
  const bool keeps_lease = request.ignore_lease() && previous != nullptr;
  const std::string_view value = keeps_value ? previous->value() : std::string_view(request.value());
  if (body != nullptr && request.prev_kv() && previous != nullptr) encode::key_value(body, 2, *previous);
  store->operations().puts += 1;
  const std::int64_t lease = keeps_lease ? previous->lease() : request.lease();
  const std::int64_t had = store->put(request.key(), value, lease);
  if (had != lease) to->leases.move(request.key(), had, lease);
}

void write_delete(Storage* to, const etcdserverpb::DeleteRangeRequest& request, std::string* body) {
  Store* const store = &to->store;
  const KeyRange range(request.key(), request.range_end());
  std::vector<const Record*> doomed;
  if (range.single()) {
    if (const Record* const record = store->find(range.first())) doomed.push_back(record);
  } else {
    KeyTree::Cursor cursor(store->root(), range.first());
    for (cursor.seek_live(); cursor.get() != nullptr && range.holds(cursor.get()->key()); cursor.next_live())
      doomed.push_back(cursor.get());
  }
  if (body != nullptr) {
    encode::number(body, 2, doomed.size());
    if (request.prev_kv()) {
      for (const Record* record : doomed) encode::key_value(body, 3, *record);
    }
  }
  store->operations().deletes += 1;
  for (const Record* record : doomed) {
    if (record->leased()) to->leases.move(record->key(), record->lease(), 0);
    store->erase(*record);
  }
}

}  // namespace cairn::mvcc
