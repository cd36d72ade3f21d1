#include "mvcc/revision_walk.h"

#include <algorithm>
#include <utility>

namespace cairn::mvcc {
namespace {

bool is_before(const Record* a, const Record* b) {
  return std::pair(a->mod_revision(), a->sub()) < std::pair(b->mod_revision(), b->sub());
}

}  // namespace

RevisionWalk::RevisionWalk(const KvState& state, const StepLimits& step, std::int64_t replaced_up_to)
    : state_(state),
      step_records_(step.range_records),
      replaced_up_to_(std::max(replaced_up_to, state.compact_revision)),
      cursor_(state_.keys, {}),
      first_change_(state.history.lower_bound(state.compact_revision + 1)),
      change_at_(first_change_) {
  if (state.compact_revision < 1) phase_ = Phase::ready;
}

bool RevisionWalk::prepare() {
  if (phase_ == Phase::gather) {
    if (gather()) gathered();
  } else if (phase_ == Phase::sort && sort_.step(&old_, step_records_, is_before)) {
    phase_ = Phase::ready;
  }
  return phase_ == Phase::ready;
}

bool RevisionWalk::gather() {
  const std::int64_t compacted = state_.compact_revision;
  for (std::size_t steps = step_records_; steps > 0; --steps) {
    if (cursor_.get() == nullptr) return true;
    if (chain_ == nullptr) chain_ = cursor_.get();
    if (chain_->mod_revision() > replaced_up_to_ && chain_->previous != nullptr) {
      chain_ = chain_->previous;
      continue;
    }
    if (chain_->mod_revision() <= replaced_up_to_ && chain_->live()) ++found_;
    const bool is_told = chain_->mod_revision() == compacted && state_.keys.live > 0;
    if (chain_->mod_revision() <= compacted && (chain_->live() || is_told)) old_.push_back(chain_);
    chain_ = nullptr;
    cursor_.next();
  }
  return false;
}

void RevisionWalk::gathered() {
  if (found_ > 0 || replaced_up_to_ == state_.compact_revision) {
    phase_ = Phase::sort;
    return;
  }
  replaced_up_to_ = state_.compact_revision;
  old_.clear();
  cursor_ = KeyTree::Cursor(state_.keys, {});
}

const Record* RevisionWalk::get() const {
  if (is_old()) return old_[old_at_];
  return change_at_ == state_.history.end ? nullptr : state_.history.at(change_at_);
}

void RevisionWalk::next() {
  if (is_old())
    ++old_at_;
  else
    ++change_at_;
}

void RevisionWalk::rewind() {
  old_at_ = 0;
  change_at_ = first_change_;
}

}  // namespace cairn::mvcc
