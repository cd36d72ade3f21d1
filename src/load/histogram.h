// Histogram: latencies in microseconds with a relative error below 1/64, in constant memory.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace cairn::load {

class Histogram {
 public:
  void record(std::uint64_t us) {
    counts_[slot_of(us)] += 1;
    count_ += 1;
    sum_ += us;
    if (us > max_) max_ = us;
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  // The smallest latency that this share of all (0 to 1) does not exceed.
  std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_) + 0.5);
    std::uint64_t seen = 0;
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      seen += counts_[slot];
      if (seen >= wanted && seen > 0) return upper_bound_of(slot) < max_ ? upper_bound_of(slot) : max_;
    }
    return max_;
  }

 private:
  // Below 64 exact; above, 64 slots for each power of two.
  static constexpr unsigned kBits = 6;
  static std::size_t slot_of(std::uint64_t us) {
    const auto width = static_cast<unsigned>(std::bit_width(us));
    if (width <= kBits) return us;
    const unsigned shift = width - kBits - 1;
    return ((std::size_t{shift} + 1) << kBits) + ((us >> shift) & ((1u << kBits) - 1));
  }
  static std::uint64_t upper_bound_of(std::size_t slot) {
    if (slot < (1u << kBits)) return slot;
    const std::size_t shift = (slot >> kBits) - 1;
    return ((((std::uint64_t{1} << kBits) + (slot & ((1u << kBits) - 1))) + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(64 * 64);
  std::uint64_t count_ = 0, sum_ = 0, max_ = 0;
};

}  // namespace cairn::load
