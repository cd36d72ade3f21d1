#include "mvcc/range_cursor.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "mvcc/encode.h"
#include "proto/rpc.pb.h"

namespace cairn::mvcc {
namespace {

using etcdserverpb::RangeRequest;

constexpr int kKvsField = 2, kMoreField = 3, kCountField = 4;
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

// 0 is no bound.
bool inside(std::int64_t value, std::int64_t low, std::int64_t high) {
  return (low == 0 || value >= low) && (high == 0 || value <= high);
}

bool less(int target, const Record& a, const Record& b) {
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

std::size_t limit_of(const RangeRequest& request) {
  return request.limit() > 0 ? static_cast<std::size_t>(request.limit()) : kAll;
}

// Without an order, only one record beyond the limit is fetched, even if it is sorted by a target afterwards:
// so does etcd, and clients see it.
std::size_t keep_max_of(const RangeRequest& request, bool filtered) {
  const bool ordered =
      request.sort_order() == RangeRequest::DESCEND ||
      (request.sort_order() == RangeRequest::ASCEND && request.sort_target() != RangeRequest::KEY);
  const std::size_t limit = limit_of(request);
  return filtered || ordered || limit == kAll ? kAll : limit + 1;
}

}  // namespace

RangeCursor::RangeCursor(const Reading& reading, const RangeRequest& request,
                         std::shared_ptr<const void> keep, Counting counting)
    : keep_(std::move(keep)),
      root_(reading.keys),
      key_(request.key()),
      end_(request.range_end()),
      range_(key_, end_),
      revision_(request.revision() <= 0 ? reading.revision : request.revision()),
      newest_(revision_ >= reading.revision),
      counts_all_(counting == Counting::whole_range),
      count_only_(request.count_only()),
      keys_only_(request.keys_only()),
      min_mod_(request.min_mod_revision()),
      max_mod_(request.max_mod_revision()),
      min_create_(request.min_create_revision()),
      max_create_(request.max_create_revision()),
      filtered_(min_mod_ != 0 || max_mod_ != 0 || min_create_ != 0 || max_create_ != 0),
      sort_target_(request.sort_target()),
      descending_(request.sort_order() == RangeRequest::DESCEND),
      // etcd sorts ascending when a target but no order is given.
      order_(sort_target_ != RangeRequest::KEY ? Order::other
             : descending_                     ? Order::by_key_descending
                                               : Order::by_key),
      step_records_(reading.step->range_records),
      limit_(limit_of(request)),
      keep_max_(keep_max_of(request, filtered_)),
      cursor_(root_, range_.first()) {
  if (!newest_) return;
  count_ = range_.count(root_);
  cursor_.seek_live();
}

// What does not exist at the newest revision is passed over, however much of it there is.
void RangeCursor::advance() {
  if (newest_)
    cursor_.next_live();
  else
    cursor_.next();
}

bool RangeCursor::measure() {
  switch (phase_) {
    case Phase::gather:
      gather();
      break;
    case Phase::sort:
      if (!sort()) break;
      more_ = records_.size() > limit_;
      kept_ = std::min(records_.size(), limit_);
      phase_ = Phase::size;
      break;
    case Phase::size:
      measure_sorted();
      break;
    default:
      break;
  }
  return phase_ == Phase::read || phase_ == Phase::done;
}

// One step over the keys of the range.
void RangeCursor::gather() {
  // At the newest revision the count is known, and the walk ends with the last record that matters.
  bool enough = newest_ && (count_only_ || count_ == 0);
  for (std::size_t steps = step_records_; !enough; --steps, advance()) {
    if (!newest_ && (cursor_.get() == nullptr || !range_.holds(cursor_.get()->key()))) break;
    if (steps == 0) return;
    const Record* const record = at_revision(cursor_.get(), revision_);
    if (record == nullptr) continue;
    ++looked_at_;
    ++found_;
    const bool room = count_only_ || accept(*record);
    enough = newest_ ? !room || found_ == count_ : !room && !counts_all_;
  }
  count_ = newest_ ? count_ : found_;
  if (order_ != Order::by_key) {
    phase_ = Phase::sort;
    return;
  }
  prepare_tail();
  walk_again();
}

// False when there was no room for it, nor will there be for any other.
bool RangeCursor::accept(const Record& record) {
  if (filtered_ && !(inside(record.mod_revision(), min_mod_, max_mod_) &&
                     inside(record.create_revision(), min_create_, max_create_)))
    return true;
  if (order_ != Order::by_key) {
    if (records_.size() >= keep_max_) return false;
    records_.push_back(&record);
    return true;
  }
  if (kept_ == limit_) {
    more_ = true;
    return false;
  }
  ++kept_;
  size_ += encode::key_value_size(kKvsField, record, !keys_only_);
  return true;
}

// True once they are sorted.
bool RangeCursor::sort() {
  if (order_ == Order::by_key_descending) return true;  // read from the back
  const int target = sort_target_;
  if (descending_)
    return sort_.step(&records_, step_records_,
                      [target](const Record* a, const Record* b) { return less(target, *b, *a); });
  return sort_.step(&records_, step_records_,
                    [target](const Record* a, const Record* b) { return less(target, *a, *b); });
}

void RangeCursor::measure_sorted() {
  std::size_t steps = step_records_;
  while (const Record* const record = next(&steps))
    size_ += encode::key_value_size(kKvsField, *record, !keys_only_);
  if (at_ < kept_) return;
  prepare_tail();
  walk_again();
}

void RangeCursor::prepare_tail() {
  encode::number(&tail_, kMoreField, more_ ? 1 : 0);
  encode::number(&tail_, kCountField, count_);
  size_ += tail_.size();
}

void RangeCursor::walk_again() {
  at_ = 0;
  if (order_ == Order::by_key) {
    cursor_ = KeyTree::Cursor(root_, range_.first());
    if (newest_) cursor_.seek_live();
  }
  phase_ = size_ == 0 ? Phase::done : Phase::read;
}

// The next record of the answer; null at its end, or when the steps are used up.
const Record* RangeCursor::next(std::size_t* steps) {
  if (order_ != Order::by_key) {
    if (at_ == kept_ || *steps == 0) return nullptr;
    --*steps;
    const std::size_t position = at_++;
    return records_[order_ == Order::by_key_descending ? records_.size() - 1 - position : position];
  }
  while (at_ != kept_ && *steps != 0) {
    --*steps;
    const Record* const record = at_revision(cursor_.get(), revision_);
    advance();
    if (record == nullptr) continue;
    if (filtered_ && !(inside(record->mod_revision(), min_mod_, max_mod_) &&
                       inside(record->create_revision(), min_create_, max_create_)))
      continue;
    ++at_;
    return record;
  }
  return nullptr;
}

void RangeCursor::split(const Record& record) {
  before_value_.clear();
  after_value_.clear();
  value_ = keys_only_ ? std::string_view() : record.value();
  encode::key_value_around(kKvsField, record, !keys_only_, &before_value_, &after_value_);
  split_at_ = 0;
  split_size_ = before_value_.size() + value_.size() + after_value_.size();
}

// As much as there is room for of the record that was split.
void RangeCursor::read_split(std::size_t room, std::string* out) {
  std::size_t skip = split_at_;
  for (const std::string_view part :
       {std::string_view(before_value_), value_, std::string_view(after_value_)}) {
    const std::size_t begin = std::min(skip, part.size());
    const std::size_t size = std::min(room, part.size() - begin);
    out->append(part.substr(begin, size));
    skip -= begin;
    room -= size;
    split_at_ += size;
  }
}

void RangeCursor::read(std::size_t bytes_max, std::string* out) {
  if (phase_ != Phase::read) return;
  const std::size_t end = out->size() + bytes_max;
  std::size_t steps = step_records_;
  while (out->size() < end) {
    if (split_at_ < split_size_) {
      read_split(end - out->size(), out);
      continue;
    }
    if (at_ == kept_) break;
    const Record* const record = next(&steps);
    if (record == nullptr) return;
    if (record->key().size() + record->value().size() + encode::kKeyValueOverheadMax <= end - out->size())
      encode::key_value(out, kKvsField, *record, !keys_only_);
    else
      split(*record);
  }
  if (at_ < kept_ || split_at_ < split_size_) return;
  const std::size_t size = std::min(end - out->size(), tail_.size());
  out->append(tail_, 0, size);
  tail_.erase(0, size);
  if (tail_.empty()) phase_ = Phase::done;
}

}  // namespace cairn::mvcc
