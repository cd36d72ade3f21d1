// RangeCursor: the answer to one RangeRequest as a LongMessage: kvs, more and count of a RangeResponse,
// with etcd's rules for limits, filters and order.
//
// The records are walked twice: once for the size, once for the bytes; nothing of them is kept in between.
// Only an order that is not the keys' own needs a list of the matching records, eight bytes each (sixteen
// while it is sorted).
// Reads nothing but an immutable state, so any thread may use it while that state is kept. Bounded: a step
// looks at StepLimits::range_records at most.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/long_message.h"
#include "mvcc/range.h"
#include "mvcc/sliced_sort.h"
#include "mvcc/store.h"

namespace cairn::mvcc {

class RangeCursor final : public LongMessage {
 public:
  // The request is checked (etcd/validate.h), and so is its revision. `keep` is what the reading belongs to;
  // null when that outlives the cursor anyway.
  RangeCursor(const Reading& reading, const etcdserverpb::RangeRequest& request,
              std::shared_ptr<const void> keep, Counting counting = Counting::whole_range);

  bool measure() override;
  std::size_t looked_at() const { return looked_at_; }  // records that were live then
  std::size_t size_bytes() const override { return size_; }
  void read(std::size_t bytes_max, std::string* out) override;
  bool finished() const override { return phase_ == Phase::done; }

 private:
  enum class Phase { gather, sort, size, read, done };
  enum class Order { by_key, by_key_descending, other };

  void advance();
  void gather();
  bool accept(const Record& record);
  bool sort();
  void measure_sorted();
  void walk_again();
  const Record* next(std::size_t* steps);
  void prepare_tail();
  void split(const Record& record);
  void read_split(std::size_t room, std::string* out);

  const std::shared_ptr<const void> keep_;
  const KeyTree::Root root_;
  const std::string key_, end_;
  const KeyRange range_;
  const std::int64_t revision_;
  const bool newest_;  // the tree itself knows the count
  const bool counts_all_;
  const bool count_only_, keys_only_;
  const std::int64_t min_mod_, max_mod_, min_create_, max_create_;
  const bool filtered_;
  const int sort_target_;
  const bool descending_;
  const Order order_;
  const std::size_t step_records_;
  const std::size_t limit_;     // of what is answered
  const std::size_t keep_max_;  // of what is gathered before it is sorted

  Phase phase_ = Phase::gather;
  KeyTree::Cursor cursor_;
  std::vector<const Record*> records_;  // only when order_ is not by_key
  SlicedSort<const Record*> sort_;
  std::size_t looked_at_ = 0;
  std::uint64_t count_ = 0;  // of the range, before limit and filters
  std::uint64_t found_ = 0;  // so far
  std::size_t kept_ = 0;     // how many records the answer holds
  std::size_t at_ = 0;       // how many of them have been measured, or read
  bool more_ = false;
  std::size_t size_ = 0;
  std::string tail_;  // what follows the records
  // The record that a piece ended in, and how much of it has been read.
  std::string before_value_, after_value_;
  std::string_view value_;
  std::size_t split_at_ = 0, split_size_ = 0;
};

}  // namespace cairn::mvcc
