#include "node/auto_compaction.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/reached.h"

namespace cairn::node {
namespace {

Duration interval_of(const AutoCompactionConfig& config) {
  if (config.period > Duration::zero())
    return std::max<Duration>(std::min(config.period, config.interval_max) / config.samples,
                              std::chrono::milliseconds(1));
  return config.keep_revisions > 0 ? config.revision_interval : Duration::zero();
}

}  // namespace

AutoCompaction::AutoCompaction(const AutoCompactionConfig& config, Time now)
    : config_(config), interval_(interval_of(config)), compacted_at_(now) {
  if (interval_ == Duration::zero()) return;
  // The periodic mode notes where it begins.
  next_ = config_.period > Duration::zero() ? now : now + interval_;
}

void AutoCompaction::change(const AutoCompactionConfig& config, Time now) {
  const auto all = [](const AutoCompactionConfig& of) {
    return std::tie(of.period, of.keep_revisions, of.revision_interval, of.interval_max, of.samples);
  };
  if (all(config) == all(config_)) return;
  AutoCompaction changed(config, now);
  changed.asked_ = asked_;  // its answer is still to come
  changed.asked_at_ = asked_at_;
  *this = std::move(changed);
}

std::optional<std::int64_t> AutoCompaction::pass(Time now, std::int64_t revision, bool leads) {
  if (now < next_) return std::nullopt;
  next_ = now + interval_;
  const std::optional<std::int64_t> at = due(now, revision);
  if (!at || !leads || asked_) return std::nullopt;
  REACHED("node.compaction.by_itself");
  asked_ = at;
  asked_at_ = now;
  return at;
}

std::optional<std::int64_t> AutoCompaction::due(Time now, std::int64_t revision) {
  if (config_.period <= Duration::zero()) {
    const std::int64_t at = revision - config_.keep_revisions;
    return at > 0 && at != compacted_ ? std::optional(at) : std::nullopt;
  }
  // The oldest of a whole period is what there was one period ago.
  const auto kept = static_cast<std::size_t>(config_.period / interval_);
  const Duration wait = waits_for_first_ ? config_.period : std::min(config_.period, config_.interval_max);
  std::optional<std::int64_t> at;
  if (!revisions_.empty() && now - compacted_at_ >= wait) at = revisions_.front();
  revisions_.push_back(revision);
  while (revisions_.size() > std::max<std::size_t>(kept, 1)) revisions_.pop_front();
  return at;
}

void AutoCompaction::answered(bool compacted) {
  if (compacted) {
    compacted_at_ = asked_at_;
    waits_for_first_ = false;
    compacted_ = asked_.value_or(0);
  }
  asked_.reset();
}

}  // namespace cairn::node
