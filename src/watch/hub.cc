#include "watch/hub.h"

#include <algorithm>

#include "base/check.h"
#include "base/reached.h"
#include "watch/events.h"
#include "watch/watch.h"

namespace cairn::watch {
namespace {

constexpr std::size_t kBytesOfAChange =
    256;  // in a turn's share: copying so many takes as long as looking at one

struct Walked {
  std::int64_t revision = 0;  // of the last change
  std::size_t changes = 0, bytes = 0;
};

// Enough for one turn, and on to the end of a revision. `look` says how many bytes a change comes to.
template <class Look>
Walked walk(mvcc::Changes* changes, const Limits& limits, Look look) {
  Walked walked;
  for (const mvcc::Record* record = changes->get(); record != nullptr; record = changes->get()) {
    const bool is_enough = walked.changes >= limits.turn_changes || walked.bytes >= limits.turn_bytes;
    if (is_enough && record->mod_revision() != walked.revision) break;
    walked.revision = record->mod_revision();
    walked.changes += 1;
    walked.bytes += look(*record);
    changes->next();
  }
  return walked;
}

// To the response at hand; or to another one, where fragments are taken and it has enough.
void append(const std::string& event, const Wants& wants, std::size_t fragment_bytes,
            std::vector<std::string>* pieces) {
  const bool fits = pieces->back().empty() || pieces->back().size() + event.size() <= fragment_bytes;
  if (wants.fragments && !fits) pieces->emplace_back();
  pieces->back() += event;
}

}  // namespace

Hub::~Hub() { CHECK(watches_ == 0); }

void Hub::publish(std::shared_ptr<const mvcc::View> view) {
  if (view_ == nullptr) {
    view_ = std::move(view);
    position_ = end();
    return;
  }
  const bool passes_by = position_ < end() && view->compact_revision() > position_.revision;
  if (!passes_by && later_.empty()) {
    view_ = std::move(view);
    return;
  }
  if (later_.size() >= limits_.states_kept) later_.pop_back();
  later_.push_back(std::move(view));
}

void Hub::rest() {
  CHECK(by_progress_.empty() && told_.groups.empty());
  forget_told();
  later_.clear();
  view_.reset();
}

void Hub::forget_told() {
  told_.pieces.clear();
  told_.changes.clear();
  told_.view.reset();
}

bool Hub::has_work() const {
  return ready() && (!all_told() || !later_.empty() || !behind_.empty() || !asked_.empty() ||
                     (!waiting_.empty() && waiting_.begin()->first <= view_->revision() + 1));
}

bool Hub::work() {
  if (!ready()) return false;
  if (!all_told()) {
    if (told_.groups.empty()) look_at_changes();
    tell_some();
    return has_work();
  }
  if (!later_.empty()) {
    view_ = std::move(later_.front());
    later_.pop_front();
    return has_work();
  }
  wake_due();
  if (!behind_.empty()) {
    catch_up_some();
    return has_work();
  }
  const std::set<Stream*> asked = std::exchange(asked_, {});
  for (Stream* const stream : asked) answer_progress(stream);
  return has_work();
}

// Those that wait for a revision that has come, or is the next one.
void Hub::wake_due() {
  while (!waiting_.empty() && waiting_.begin()->first <= view_->revision() + 1) {
    Watch* const watch = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    watch->stream->waiting_ -= 1;
    watch->state = Watch::State::none;
    fall_behind(watch, {watch->next.revision, 0});
  }
}

// ---- the place of a watch ----

void Hub::begin(Watch* watch, std::int64_t start_revision) {
  const std::int64_t newest = view_->revision();
  watch->next = {start_revision == 0 ? newest + 1 : start_revision, 0};
  if (watch->next.revision > newest + 1) {
    watch->state = Watch::State::waiting;
    watch->waiting = waiting_.emplace(watch->next.revision, watch);
    watch->stream->waiting_ += 1;
  } else if (watch->next.revision == newest + 1 && all_told()) {
    make_current(watch);
  } else {
    fall_behind(watch, watch->next);
  }
}

void Hub::make_current(Watch* watch) {
  watch->state = Watch::State::current;
  watch->place = watch->group->current.size();
  watch->group->current.push_back(watch);
  watch->stream->current_ += 1;
  reconsider_progress(watch->stream);
}

void Hub::leave_current(Watch* watch) {
  std::vector<Watch*>& current = watch->group->current;
  const auto fill = [&current](std::size_t hole, std::size_t from) {
    current[hole] = current[from];
    current[hole]->place = hole;
  };
  std::size_t hole = watch->place;
  // Of those that are being told, the ones in front of told_.left have not been: none of the others may get
  // there.
  const bool is_told = !told_.groups.empty() && told_.groups.back() == watch->group && !told_.pieces.empty();
  if (is_told && hole < told_.left) {
    fill(hole, --told_.left);
    hole = told_.left;
  }
  fill(hole, current.size() - 1);
  current.pop_back();
  watch->stream->current_ -= 1;
  watch->state = Watch::State::none;
}

void Hub::fall_behind(Watch* watch, mvcc::ChangePlace next) {
  watch->next = next;
  watch->state = Watch::State::behind;
  watch->behind = behind_.insert(behind_.end(), watch);
  behind_count_ += 1;
}

void Hub::stall(Watch* watch) {
  REACHED("watch.hub.no_room");
  std::list<Watch*>& stalled = watch->stream->stalled_;
  watch->state = Watch::State::stalled;
  watch->behind = stalled.insert(stalled.end(), watch);
  behind_count_ += 1;
}

void Hub::remove(Watch* watch) {
  switch (watch->state) {
    case Watch::State::current:
      leave_current(watch);
      break;
    case Watch::State::behind:
      behind_.erase(watch->behind);
      behind_count_ -= 1;
      break;
    case Watch::State::waiting:
      waiting_.erase(watch->waiting);
      watch->stream->waiting_ -= 1;
      break;
    case Watch::State::stalled:
      watch->stream->stalled_.erase(watch->behind);
      behind_count_ -= 1;
      break;
    case Watch::State::none:
      break;
  }
  key_bytes_ -= watch->group->interest->range.bytes();
  if (watch->group->counted == 1) forget(*watch->group);
  interests_.leave(watch->group);
  watches_ -= 1;
  reconsider_progress(watch->stream);
}

// ---- what is new, for all that are current ----

void Hub::look_at_changes() {
  mvcc::Changes changes = view_->changes(position_);
  if (changes.compacted()) return fall_behind_all();
  told_.view = view_;
  told_.from = position_;
  const Walked walked = walk(&changes, limits_, [&](const mvcc::Record& record) {
    bool is_new = true;
    interests_.visit(record.key(), [&](Group& group) {
      if (group.current.empty() || !is_wanted(record, group.wants)) return;
      if (is_new) told_.changes.push_back({&record, changes.previous(), {}, {}});
      is_new = false;
      if (group.batch.empty()) told_.groups.push_back(&group);
      group.batch.push_back(static_cast<std::uint32_t>(told_.changes.size() - 1));
    });
    return is_new ? 0 : event_bytes(record, told_.changes.back().previous);
  });
  position_ = changes.place();
  told_.revision = changes.get() == nullptr ? view_->revision() : walked.revision;
}

void Hub::tell_some() {
  for (std::size_t sends = limits_.turn_sends; sends > 0 && !told_.groups.empty();) {
    Group& group = *told_.groups.back();
    if (told_.pieces.empty()) {
      told_.pieces = encode(group);
      told_.left = group.current.size();
    }
    for (; sends > 0 && told_.left > 0; --sends) tell(group.current[--told_.left]);
    if (told_.left > 0) return;
    group.batch.clear();
    told_.pieces.clear();
    told_.groups.pop_back();
  }
  if (told_.groups.empty()) forget_told();
}

void Hub::tell(Watch* watch) {
  if (watch->stream->sink_.has_room()) {
    send_events(*watch, told_.revision, told_.pieces);
    watch->is_quiet = false;
    return;
  }
  leave_current(watch);
  watch->next = told_.from;
  stall(watch);
}

// Its last watch has gone.
void Hub::forget(const Group& group) {
  if (group.batch.empty()) return;
  if (told_.groups.back() == &group) told_.pieces.clear();
  std::erase(told_.groups, &group);
  if (told_.groups.empty()) forget_told();
}

// A state that was received has nothing of what lies between: each watch finds out for itself.
void Hub::fall_behind_all() {
  REACHED("watch.hub.passed_by_compaction");
  for (const auto& [at, stream] : by_progress_) {
    for (const auto& [id, watch] : stream->watches_) {
      if (watch->state != Watch::State::current) continue;
      leave_current(watch.get());
      fall_behind(watch.get(), position_);
    }
  }
  position_ = end();
}

std::vector<std::string> Hub::encode(const Group& group) {
  std::vector<std::string> pieces(1);
  for (const std::uint32_t number : group.batch) {
    Change& change = told_.changes[number];
    std::string& event = group.wants.previous ? change.event_with_previous : change.event;
    if (event.empty()) append_event(*change.record, group.wants.previous ? change.previous : nullptr, &event);
    append(event, group.wants, limits_.fragment_bytes, &pieces);
  }
  return pieces;
}

void Hub::send_events(const Watch& watch, std::int64_t revision, const std::vector<std::string>& pieces) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    watch.stream->sink_.send(
        {.watch_id = watch.id, .revision = revision, .fragment = !is_last, .events = pieces[i]});
  }
}

// ---- one that is behind ----

void Hub::catch_up_some() {
  std::size_t watches = limits_.turn_sends;
  for (std::size_t changes = 0; changes < limits_.turn_changes && watches > 0 && !behind_.empty();
       --watches) {
    Watch* const watch = behind_.front();
    behind_.pop_front();
    behind_count_ -= 1;
    changes += catch_up(watch);
  }
}

// How many changes it has looked at.
std::size_t Hub::catch_up(Watch* watch) {
  Stream& stream = *watch->stream;
  watch->state = Watch::State::none;
  if (!stream.sink_.has_room()) {
    stall(watch);
    return 1;
  }
  stream.wake_stalled();
  mvcc::Changes changes = view_->changes(watch->next);
  if (changes.compacted()) {
    cancel_compacted(watch);
    return 1;
  }
  const Group& group = *watch->group;
  std::vector<std::string> pieces(1);
  const Walked walked = walk(&changes, limits_, [&](const mvcc::Record& record) -> std::size_t {
    if (!group.interest->holds(record.key()) || !is_wanted(record, group.wants)) return 0;
    std::string event;
    append_event(record, group.wants.previous ? changes.previous() : nullptr, &event);
    append(event, group.wants, limits_.fragment_bytes, &pieces);
    return event.size();
  });
  if (!pieces.back().empty()) {
    send_events(*watch, view_->revision(), pieces);
    watch->is_quiet = false;
  }
  if (changes.get() == nullptr)
    make_current(watch);
  else
    fall_behind(watch, changes.place());
  return walked.changes + walked.bytes / kBytesOfAChange;
}

void Hub::cancel_compacted(Watch* watch) {
  REACHED("watch.hub.compacted");
  Stream& stream = *watch->stream;
  const std::int64_t id = watch->id;
  remove(watch);
  stream.watches_.erase(id);
  stream.sink_.send({.watch_id = id, .canceled = true, .compact_revision = view_->compact_revision()});
}

// ---- progress ----

Time Hub::next_progress(Time now) {
  const auto jitter =
      static_cast<std::int64_t>(streams_made_ * 7919 % 1000) * limits_.progress_jitter_percent;
  return now + limits_.progress_interval + limits_.progress_interval * jitter / 100'000;
}

std::optional<Time> Hub::progress_at() const {
  if (by_progress_.empty()) return std::nullopt;
  return by_progress_.begin()->first;
}

void Hub::tell_progress(Time now) {
  while (!by_progress_.empty() && by_progress_.begin()->first <= now) {
    Stream* const stream = by_progress_.begin()->second;
    by_progress_.erase(by_progress_.begin());
    stream->progress_at_ = next_progress(now);
    by_progress_.emplace(stream->progress_at_, stream);
    for (const auto& [id, watch] : stream->watches_) {
      if (!watch->progress) continue;
      const bool is_due = watch->is_quiet && watch->state == Watch::State::current && all_told();
      if (is_due && stream->sink_.has_room())
        stream->sink_.send({.watch_id = id, .revision = view_->revision()});
      watch->is_quiet = true;
    }
  }
}

void Hub::reconsider_progress(Stream* stream) {
  if (stream->progress_asked_) asked_.insert(stream);
}

void Hub::answer_progress(Stream* stream) {
  const bool all_current =
      stream->current_ > 0 && stream->current_ + stream->waiting_ == stream->watches_.size();
  if (!all_current || !stream->sink_.has_room()) return;  // asked again when that changes
  stream->progress_asked_ = false;
  stream->sink_.send({.watch_id = kNoWatch, .revision = view_->revision()});
}

}  // namespace cairn::watch
