#include "mvcc/changes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cairn::mvcc {

Changes::Changes(const KvState& state, ChangePlace from, std::shared_ptr<const void> keep)
    : keep_(std::move(keep)),
      history_(state.history),
      compact_revision_(state.compact_revision),
      compacted_(from.revision < state.compact_revision),
      end_(std::max(from, ChangePlace{state.revision + 1})),
      at_(compacted_ ? history_.end : history_.lower_bound(from.revision, from.sub)) {
  if (compacted_) end_ = from;
  skip_replaced();
}

void Changes::next() {
  CHECK(at_ < history_.end);
  constexpr std::uint64_t kAhead = 8;
  if (at_ + kAhead < history_.end) __builtin_prefetch(history_.at(at_ + kAhead));
  ++at_;
  skip_replaced();
}

// Of the compact revision itself, only what it left behind is kept.
void Changes::skip_replaced() {
  while (const Record* const record = get()) {
    if (record->mod_revision() > compact_revision_ || !record->replaced_at_once()) return;
    ++at_;
  }
}

const Record* Changes::previous() const {
  CHECK(at_ < history_.end);
  const std::int64_t revision = get()->mod_revision();
  return revision <= compact_revision_ ? nullptr : at_revision(get(), revision - 1);
}

ChangePlace Changes::place() const {
  const Record* const record = get();
  return record == nullptr ? end_ : ChangePlace{record->mod_revision(), record->sub()};
}

}  // namespace cairn::mvcc
