#include "mvcc/range.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "mvcc/encode.h"
#include "mvcc/errors.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {
namespace {

using etcdserverpb::RangeRequest;

struct Found {
  std::vector<const Record*> records;
  std::uint64_t count = 0;
};

// Every key of the range at that revision is counted; at most `keep_max` of them are kept.
Found find(const Reading& reading, const KeyRange& range, std::int64_t revision, std::size_t keep_max) {
  Found found;
  if (range.single()) {
    const Record* const record = at_revision(KeyTree::find(reading.keys, range.first()), revision);
    if (record == nullptr) return found;
    found.count = 1;
    if (keep_max > 0) found.records.push_back(record);
    return found;
  }
  // At the newest revision the tree knows the count, and the walk ends with the last record that is wanted.
  const bool newest = revision >= reading.revision;
  if (newest) found.count = range.count(reading.keys);
  const std::size_t enough = newest ? std::min<std::uint64_t>(keep_max, found.count) : keep_max;
  found.records.reserve(std::min<std::size_t>(enough, 1024));
  KeyTree::Cursor cursor(reading.keys, range.first());
  for (; cursor.get() != nullptr && range.holds(cursor.get()->key()); cursor.next()) {
    if (newest && found.records.size() >= enough) break;
    const Record* const record = at_revision(cursor.get(), revision);
    if (record == nullptr) continue;
    if (!newest) ++found.count;
    if (found.records.size() < enough) found.records.push_back(record);
  }
  return found;
}

bool has_filter(const RangeRequest& request) {
  return request.min_mod_revision() != 0 || request.max_mod_revision() != 0 ||
         request.min_create_revision() != 0 || request.max_create_revision() != 0;
}

// True when `record` is inside the inclusive bounds; 0 is no bound.
bool passes(const RangeRequest& request, const Record& record) {
  const auto inside = [](std::int64_t value, std::int64_t low, std::int64_t high) {
    return (low == 0 || value >= low) && (high == 0 || value <= high);
  };
  return inside(record.mod_revision(), request.min_mod_revision(), request.max_mod_revision()) &&
         inside(record.create_revision(), request.min_create_revision(), request.max_create_revision());
}

bool less(RangeRequest::SortTarget target, const Record& a, const Record& b) {
  switch (target) {
    case RangeRequest::VERSION:
      return a.version() < b.version();
    case RangeRequest::CREATE:
      return a.create_revision() < b.create_revision();
    case RangeRequest::MOD:
      return a.mod_revision() < b.mod_revision();
    case RangeRequest::VALUE:
      return a.value() < b.value();
    default:
      return a.key() < b.key();
  }
}

void sort(const RangeRequest& request, std::vector<const Record*>* records) {
  const auto target = request.sort_target();
  const bool descending = request.sort_order() == RangeRequest::DESCEND;
  // etcd sorts ascending when a target but no order is given. What came by key is sorted by key already.
  if (!descending && target == RangeRequest::KEY) return;
  std::stable_sort(records->begin(), records->end(), [target, descending](const Record* a, const Record* b) {
    return descending ? less(target, *b, *a) : less(target, *a, *b);
  });
}

}  // namespace

Status check_revision(const Reading& reading, std::int64_t revision) {
  if (revision > reading.revision) return tl::unexpected(errors::future_revision());
  if (revision > 0 && revision < reading.compact_revision) return tl::unexpected(errors::compacted());
  return {};
}

void append_range(const Reading& reading, const RangeRequest& request, std::string* out) {
  const KeyRange range(request.key(), request.range_end());
  const std::int64_t revision = request.revision() <= 0 ? reading.revision : request.revision();
  const std::size_t limit = request.limit() > 0 ? static_cast<std::size_t>(request.limit()) : 0;
  // Without an order, only one record beyond the limit is fetched, even if it is sorted by a target
  // afterwards: so does etcd, and clients see it.
  const bool fetch_all =
      limit == 0 || has_filter(request) || request.sort_order() == RangeRequest::DESCEND ||
      (request.sort_order() == RangeRequest::ASCEND && request.sort_target() != RangeRequest::KEY);
  const std::size_t all = std::numeric_limits<std::size_t>::max();
  const std::size_t keep_max = request.count_only() ? 0 : fetch_all || limit == all ? all : limit + 1;
  Found found = find(reading, range, revision, keep_max);
  if (has_filter(request)) {
    std::erase_if(found.records, [&request](const Record* record) { return !passes(request, *record); });
  }
  sort(request, &found.records);
  const bool more = limit > 0 && found.records.size() > limit;
  if (more) found.records.resize(limit);
  for (const Record* record : found.records) encode::key_value(out, 2, *record, !request.keys_only());
  encode::number(out, 3, more ? 1 : 0);
  encode::number(out, 4, found.count);
}

}  // namespace cairn::mvcc
