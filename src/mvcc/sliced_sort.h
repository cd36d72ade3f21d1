// SlicedSort: a stable merge sort that does a bounded number of comparisons a step, so that sorting a million
// records never holds up whoever else needs the thread. Threading: none of its own. Memory: a second vector.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace cairn::mvcc {

template <class T>
class SlicedSort {
 public:
  static constexpr std::size_t kRun = 128;  // sorted in one go

  // Does about `items_max` items' worth of one pass over *items; true once they are sorted. `less` and *items
  // stay the same from step to step.
  template <class Less>
  bool step(std::vector<T>* items, std::size_t items_max, Less less) {
    if (width_ == 0) return sort_runs(items, items_max, less);
    if (width_ >= items->size()) return true;
    if (merged_.empty()) begin_pair(items->size());
    while (items_max-- > 0) {
      const bool from_left = left_ < middle_ && (right_ == end_ || !less((*items)[right_], (*items)[left_]));
      merged_.push_back((*items)[from_left ? left_++ : right_++]);
      if (merged_.size() == items->size()) {
        items->swap(merged_);
        merged_.clear();
        width_ *= 2;
        return width_ >= items->size();
      }
      if (merged_.size() == end_) begin_pair(items->size());
    }
    return false;
  }

 private:
  template <class Less>
  bool sort_runs(std::vector<T>* items, std::size_t items_max, Less less) {
    for (std::size_t done = 0; done < items_max && sorted_ < items->size(); done += kRun) {
      const auto first = items->begin() + static_cast<std::ptrdiff_t>(sorted_);
      sorted_ = std::min(sorted_ + kRun, items->size());
      std::stable_sort(first, items->begin() + static_cast<std::ptrdiff_t>(sorted_), less);
    }
    if (sorted_ < items->size()) return false;
    width_ = kRun;
    merged_.reserve(items->size() > kRun ? items->size() : 0);
    return width_ >= items->size();
  }

  void begin_pair(std::size_t size) {
    left_ = merged_.size();
    middle_ = right_ = std::min(left_ + width_, size);
    end_ = std::min(middle_ + width_, size);
  }

  std::size_t sorted_ = 0;  // of the runs
  std::size_t width_ = 0;   // of the runs that are being merged
  std::size_t left_ = 0, middle_ = 0, right_ = 0, end_ = 0;
  std::vector<T> merged_;
};

}  // namespace cairn::mvcc
