#include <algorithm>
#include <utility>

#include "base/check.h"
#include "watch/hub.h"
#include "watch/watch.h"

namespace cairn::watch {

Stream::Stream(Hub* hub, Sink* sink, Time now) : hub_(*hub), sink_(*sink) {
  CHECK(hub_.ready());
  hub_.streams_made_ += 1;
  progress_at_ = hub_.next_progress(now);
  hub_.by_progress_.emplace(progress_at_, this);
}

Stream::~Stream() {
  progress_asked_ = false;
  for (const auto& [id, watch] : watches_) hub_.remove(watch.get());
  hub_.by_progress_.erase({progress_at_, this});
  hub_.asked_.erase(this);
}

std::int64_t Stream::choose_id() {
  while (watches_.contains(next_id_)) ++next_id_;
  return next_id_++;
}

Refused Stream::create(const Request& request) {
  const bool is_open = request.range_end == std::string_view("\0", 1);
  if (!request.range_end.empty() && !is_open && request.range_end <= request.key) return Refused::empty_range;
  if (request.start_revision < 0) return Refused::negative_start;
  if (request.watch_id != 0 && watches_.contains(request.watch_id)) return Refused::duplicate_id;
  const std::size_t key_bytes = request.key.size() + request.range_end.size();
  if (watches_.size() >= hub_.limits_.stream_watches_max || hub_.watches_ >= hub_.limits_.watches_max ||
      hub_.key_bytes_ + key_bytes > hub_.limits_.key_bytes_max)
    return Refused::too_many;
  auto made = std::make_unique<Watch>();
  Watch* const watch = made.get();
  watch->stream = this;
  watch->id = request.watch_id != 0 ? request.watch_id : choose_id();
  watch->progress = request.progress;
  watch->group = hub_.interests_.join(request.key, request.range_end, request.wants);
  hub_.watches_ += 1;
  hub_.key_bytes_ += key_bytes;
  watches_.emplace(watch->id, std::move(made));
  sink_.send({.watch_id = watch->id, .revision = hub_.view_->revision(), .created = true});
  hub_.begin(watch, request.start_revision);
  return Refused::no;
}

void Stream::cancel(std::int64_t watch_id) {
  const auto found = watches_.find(watch_id);
  if (found == watches_.end()) return;
  hub_.remove(found->second.get());
  watches_.erase(found);
  sink_.send({.watch_id = watch_id, .revision = hub_.view_->revision(), .canceled = true});
}

std::vector<std::int64_t> Stream::find(const std::function<bool(const Range&)>& is_such) const {
  std::vector<std::int64_t> ids;
  for (const auto& [id, watch] : watches_)
    if (is_such(watch->group->interest->range)) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Stream::ask_progress() {
  if (watches_.empty()) return;
  progress_asked_ = true;
  hub_.asked_.insert(this);
}

void Stream::wake_stalled() {
  if (stalled_.empty()) return;
  Watch* const watch = stalled_.front();
  stalled_.pop_front();
  hub_.behind_count_ -= 1;
  hub_.fall_behind(watch, watch->next);
}

void Stream::on_room() {
  wake_stalled();
  hub_.reconsider_progress(this);
}

}  // namespace cairn::watch
