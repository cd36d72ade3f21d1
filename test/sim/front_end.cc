#include "sim/front_end.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/check.h"
#include "sim/member.h"

namespace cairn::sim {

watch::Limits watch_limits(const Options& options) {
  const WatchOptions& drawn = options.watches;
  watch::Limits limits;
  limits.turn_changes = drawn.turn_changes;
  limits.turn_bytes = drawn.turn_bytes;
  limits.turn_sends = drawn.turn_sends;
  limits.states_kept = drawn.states_kept;
  limits.fragment_bytes = drawn.fragment_bytes;
  limits.progress_interval = std::chrono::milliseconds(drawn.progress_ms);
  return limits;
}

struct FrontEnd::ServedStream final : watch::Sink {
  ServedStream(World& the_world, Prng& the_prng, std::shared_ptr<WatchConnection> the_connection)
      : world(the_world), prng(the_prng), connection(std::move(the_connection)) {}

  bool has_room() override {
    if (connection->under_way < connection->room) return true;
    connection->wants_room = true;
    return false;
  }
  void send(const watch::Response& response) override {
    const auto events = decode_events(response.events);
    if (!events) return world.judge.accuse("I16 watch", "events that are none");
    WatchAnswer answer{.watch_id = response.watch_id,
                       .revision = response.revision,
                       .created = response.created,
                       .canceled = response.canceled,
                       .fragment = response.fragment,
                       .compact_revision = response.compact_revision,
                       .events = *events};
    ++connection->under_way;
    const auto took = Duration(
        static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(connection->latency.count()) + 1)));
    connection->last_arrival = std::max(connection->last_arrival, world.schedule.now() + took);
    world.schedule.at(connection->last_arrival, [&world = world, connection = connection, answer] {
      --connection->under_way;
      if (connection->reader == nullptr) return;
      connection->reader->received(answer);
      if (!std::exchange(connection->wants_room, false)) return;
      Member& member = world.member(connection->member);
      if (member.life() == connection->life && member.front_end() != nullptr)
        member.front_end()->has_room(connection->number);
    });
  }

  World& world;
  Prng& prng;
  const std::shared_ptr<WatchConnection> connection;
  std::deque<WatchQuestion> asked;
  std::optional<watch::Stream> stream;
  bool is_closed = false;
};

FrontEnd::FrontEnd(World& world, Member& member, std::uint64_t seed)
    : world_(world), member_(member), prng_(seed), hub_(watch_limits(world.options)) {}

FrontEnd::~FrontEnd() = default;

void FrontEnd::open(const std::shared_ptr<WatchConnection>& connection) {
  streams_.emplace(connection->number, std::make_unique<ServedStream>(world_, prng_, connection));
}

void FrontEnd::ask(std::uint64_t connection, const WatchQuestion& question) {
  const auto found = streams_.find(connection);
  if (found == streams_.end()) return;
  found->second->asked.push_back(question);
  soon();
}

void FrontEnd::close(std::uint64_t connection) {
  const auto found = streams_.find(connection);
  if (found == streams_.end()) return;
  found->second->is_closed = true;
  soon();
}

void FrontEnd::has_room(std::uint64_t connection) {
  with_room_.insert(connection);
  soon();
}

void FrontEnd::published(std::shared_ptr<const mvcc::View> view) {
  latest_ = std::move(view);
  soon();
}

// A thread beside the loop has its own turns.
void FrontEnd::soon() {
  at(world_.schedule.now() +
     Duration(static_cast<std::int64_t>(prng_.below(world_.options.watches.turn_delay_us * 1000 + 1))));
}

void FrontEnd::at(Time when) {
  if (when >= turn_at_) return;
  turn_at_ = when;
  world_.schedule.at(std::max(when, world_.schedule.now()), member_.while_alive([this, when] {
    if (turn_at_ != when) return;  // an earlier one took its place
    turn_at_ = Time::max();
    if (const Time until = member_.paused_until(); until > world_.schedule.now()) return at(until);
    turn();
  }));
}

void FrontEnd::turn() {
  take_news();
  std::erase_if(streams_, [](const auto& each) { return each.second->is_closed; });
  if (streams_.empty()) {
    if (hub_.ready()) hub_.rest();
    latest_.reset();
    return;
  }
  const Time now = world_.schedule.now();
  hub_.tell_progress(now);
  for (std::uint64_t slices = prng_.between(1, 4); slices > 0 && hub_.work();) --slices;
  if (hub_.ready() && hub_.has_work()) soon();
  if (const auto due = hub_.progress_at()) at(*due);
}

void FrontEnd::take_news() {
  if (latest_ != nullptr) hub_.publish(std::exchange(latest_, nullptr));
  for (const auto& [number, served] : streams_) {
    while (!served->is_closed && !served->asked.empty()) {
      const WatchQuestion question = std::move(served->asked.front());
      served->asked.pop_front();
      act(served.get(), question);
    }
    if (served->is_closed) served->stream.reset();
  }
  for (const std::uint64_t number : std::exchange(with_room_, {})) {
    const auto found = streams_.find(number);
    if (found != streams_.end() && found->second->stream) found->second->stream->on_room();
  }
}

void FrontEnd::act(ServedStream* served, const WatchQuestion& question) {
  if (!hub_.ready()) hub_.publish(member_.node().view());
  if (!served->stream) served->stream.emplace(&hub_, served, world_.schedule.now());
  switch (question.kind) {
    case WatchQuestion::Kind::create:
      if (served->stream->create(question.create) != watch::Refused::no)
        world_.judge.accuse("I16 watch", "a watch was refused");
      return;
    case WatchQuestion::Kind::cancel:
      return served->stream->cancel(question.watch_id);
    case WatchQuestion::Kind::progress:
      return served->stream->ask_progress();
  }
}

}  // namespace cairn::sim
