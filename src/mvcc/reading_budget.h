// ReadingBudget: how much one request may read and answer in the one turn that it has. Spent while the answer
// is measured, before anything is built or changed: what does not fit is refused as a whole. Whoever proposes
// a write says how much, so that every member decides alike. Pure; on the reader's thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace cairn::mvcc {

class ReadingBudget {
 public:
  // 0: no bound, as for commands from before there was one.
  explicit ReadingBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max), left_(bytes_max) {}

  // False when that was more than is left; then and later nothing is.
  bool spend_bytes(std::size_t bytes);
  // A live record looked at counts as bytes, whether or not it comes into the answer. A dead one must not
  // count: how long it is kept differs between members, and what they decide may not.
  bool spend_records(std::size_t records) { return spend_bytes(records * kRecordBytes); }
  bool overspent() const { return overspent_; }
  Error refusal() const;

 private:
  static constexpr std::size_t kRecordBytes = 64;

  std::uint64_t bytes_max_, left_;
  bool overspent_ = false;
};

}  // namespace cairn::mvcc
