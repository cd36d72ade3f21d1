#include "mvcc/reading_budget.h"

#include "base/reached.h"
#include "etcd/reasons.h"

namespace cairn::mvcc {

bool ReadingBudget::spend_bytes(std::size_t bytes) {
  if (bytes_max_ == 0) return true;
  if (overspent_ || bytes > left_) {
    overspent_ = true;
    REACHED("mvcc.reading_budget.overspent");
    return false;
  }
  left_ -= bytes;
  return true;
}

Error ReadingBudget::refusal() const {
  return etcd::error_of(Reason::answer_too_large, {static_cast<std::int64_t>(bytes_max_)});
}

}  // namespace cairn::mvcc
