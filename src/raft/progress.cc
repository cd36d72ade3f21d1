#include "raft/progress.h"

#include <algorithm>
#include <utility>

namespace cairn::raft {

void Progress::clear_inflight() {
  inflight_.clear();
  inflight_bytes_ = 0;
}

bool Progress::heard(const Life& life, Index first_guess, Time now) {
  const bool another = incarnation.v != 0 && incarnation != life.incarnation;
  if (another) {
    const Time counted = last_full_contact;
    *this = Progress(id, first_guess, now);
    last_full_contact = counted;
  }
  incarnation = life.incarnation;
  full = full || life.full;  // once it is, it stays so for as long as the incarnation lasts
  current = true;
  last_contact = now;
  if (full) last_full_contact = now;
  return another;
}

void Progress::become_probe(Index from) {
  mode = Mode::probe;
  next = std::max(from, match.next());
  probe_sent = false;
  clear_inflight();
}

void Progress::become_snapshot(Index index) {
  mode = Mode::snapshot;
  snapshot_index = index;
  clear_inflight();
}

bool Progress::acknowledge(Index matched) {
  const bool news = matched > match;
  if (news) {
    match = matched;
    refusal.clear();
    refusals = 0;
    offer_at = {};
  }
  check_mark();
  while (!inflight_.empty() && inflight_.front().last <= match) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  next = std::max(next, match.next());
  if (mode == Mode::probe && (news || matched == next.prev())) {
    mode = Mode::replicate;
    clear_inflight();
    next = match.next();
  }
  return news;
}

bool Progress::refuse(Index refused, Index might_match) {
  if (refused <= match || mode == Mode::snapshot) return false;
  // While probing only the answer to the one outstanding guess counts; any other is a duplicate.
  if (mode == Mode::probe && refused != next.prev()) return false;
  become_probe(std::min(refused, might_match.next()));
  return true;
}

void Progress::sent(Index last, std::size_t size_bytes) {
  if (mode == Mode::probe) {
    probe_sent = true;
    return;
  }
  if (last < next) return;
  next = last.next();
  inflight_.push_back(Inflight{last, size_bytes});
  inflight_bytes_ += size_bytes;
}

void Progress::refuse_snapshot(std::string why, Time now, Duration wait, Duration wait_max) {
  refusal = std::move(why);
  for (std::uint32_t i = 0; i < refusals && wait < wait_max; ++i) wait *= 2;
  offer_at = now + std::min(wait, wait_max);
  ++refusals;
}

void Progress::check_mark() {
  if (mark_.v > 0 && match >= mark_) had_all_at = marked_at_;
}

void Progress::mark(Index last, Time now) {
  check_mark();
  if (match < mark_) return;  // the older one still waits
  mark_ = last;
  marked_at_ = now;
  check_mark();
}

bool Progress::may_send(std::size_t count_max, std::size_t bytes_max) const {
  switch (mode) {
    case Mode::probe:
      return !probe_sent;
    case Mode::replicate:
      return inflight_.size() < count_max && inflight_bytes_ < bytes_max;
    case Mode::snapshot:
      return false;
  }
  return false;
}

}  // namespace cairn::raft
