#include "mvcc/range.h"

#include "etcd/reasons.h"
#include "mvcc/encode.h"
#include "mvcc/range_cursor.h"
#include "mvcc/reading_budget.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {

bool append_small(const Reading& reading, const etcdserverpb::RangeRequest& request, std::string* out) {
  const bool filtered = request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
                        request.min_create_revision() != 0 || request.max_create_revision() != 0;
  if (!request.range_end().empty() || filtered) return false;
  const std::int64_t revision = request.revision() <= 0 ? reading.revision : request.revision();
  const Record* const record = at_revision(KeyTree::find(reading.keys, request.key()), revision);
  if (record == nullptr) return true;
  if (record->value().size() > reading.step->small_value_bytes) return false;
  if (!request.count_only()) encode::key_value(out, 2, *record, !request.keys_only());
  encode::number(out, 4, 1);
  return true;
}

Status check_revision(const Reading& reading, std::int64_t revision) {
  if (revision > reading.revision) return fail(Reason::future_revision);
  if (revision > 0 && revision < reading.compact_revision) return fail(Reason::compacted);
  return {};
}

bool measure_key(const Reading& reading, std::string_view key, std::int64_t revision, ReadingBudget* budget) {
  const Record* const record =
      at_revision(KeyTree::find(reading.keys, key), revision <= 0 ? reading.revision : revision);
  return record == nullptr || budget->spend_bytes(encode::key_value_size(2, *record, true));
}

bool measure_range(const Reading& reading, const etcdserverpb::RangeRequest& request, ReadingBudget* budget) {
  if (request.range_end().empty()) return measure_key(reading, request.key(), request.revision(), budget);
  RangeCursor cursor(reading, request, nullptr);
  for (bool measured = false; !measured;) {
    const std::size_t before = cursor.looked_at();
    measured = cursor.measure();
    if (!budget->spend_records(cursor.looked_at() - before)) return false;
  }
  return budget->spend_bytes(cursor.size_bytes());
}

void append_range(const Reading& reading, const etcdserverpb::RangeRequest& request, std::string* out,
                  Counting counting) {
  if (append_small(reading, request, out)) return;
  RangeCursor cursor(reading, request, nullptr, counting);
  while (!cursor.measure()) {
  }
  out->reserve(out->size() + cursor.size_bytes());
  while (!cursor.finished()) cursor.read(cursor.size_bytes(), out);
}

}  // namespace cairn::mvcc
