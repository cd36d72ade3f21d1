#include "sim/watchers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "raft/members.h"
#include "sim/front_end.h"
#include "sim/member.h"

namespace cairn::sim {

struct Watchers::Client final : WatchReader {
  Client(Watchers& the_watchers, std::size_t the_number) : watchers(the_watchers), number(the_number) {}

  void received(const WatchAnswer& answer) override {
    if (answer.watch_id == watch::kNoWatch) {  // progress of all that there are
      for (Watching& each : watches) {
        if (each.is_created()) each.received(answer);
      }
      return;
    }
    const auto watch = static_cast<std::size_t>(answer.watch_id) - 1;
    watchers.world_.note(connection->member, "watch",
                         {{"client", number}, {"watch", watch}, {"events", answer.events.size()}});
    watches.at(watch).received(answer);
    if (!answer.canceled) return;
    watchers.world_.schedule.after(Duration{}, [this, watch, on = connection] {
      if (connection == on && watchers.front_end_of(*this) != nullptr) watchers.create(this, watch);
    });
  }

  Watchers& watchers;
  const std::size_t number;
  std::shared_ptr<WatchConnection> connection;  // null: it has none
  std::vector<Watching> watches;                // their ids are one more
};

Watchers::Watchers(World& world, const Reference& reference)
    : world_(world), reference_(reference), prng_(world.options.seed ^ 0x7761746368U) {}
Watchers::~Watchers() = default;

watch::Request Watchers::draw_watch() {
  watch::Request what;
  const std::uint64_t keys = world_.options.clients.keys;
  what.key = "k" + std::to_string(prng_.below(keys));
  switch (prng_.below(3)) {
    case 0:
      break;  // one key
    case 1:
      what.range_end = second_key(what.key) + "~";  // two keys
      break;
    default:
      what.key = "k";
      what.range_end = "l";
  }
  const std::uint64_t filter = prng_.below(8);
  what.wants = {.puts = filter != 0,
                .deletes = filter != 1,
                .previous = prng_.chance(1, 2),
                .fragments = prng_.chance(1, 2)};
  what.progress = prng_.chance(1, 2);
  return what;
}

void Watchers::start() {
  const WatchOptions& options = world_.options.watches;
  for (std::uint64_t i = 0; i < options.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, i + 1));
    Client* const client = clients_.back().get();
    for (std::uint64_t count = prng_.between(1, options.watches_max); count > 0; --count) {
      client->watches.emplace_back(
          world_.judge, reference_,
          "client " + std::to_string(i + 1) + ", watch " + std::to_string(client->watches.size() + 1),
          draw_watch());
    }
    world_.schedule.after(Duration{}, [this, client] { look_after(client); });
  }
}

void Watchers::stop() {
  stopped_ = true;
  for (const auto& client : clients_) leave(client.get());
}

// A client notices by itself that its member has gone.
void Watchers::look_after(Client* client) {
  if (front_end_of(*client) == nullptr || (stopped_ && !is_at_a_member(*client))) leave(client);
  if (client->connection == nullptr) {
    connect(client);
  } else if (!stopped_ && prng_.chance(1, 8)) {
    leave(client);
  } else {
    ask(client);
  }
  const auto mean = static_cast<std::uint64_t>(Duration(std::chrono::milliseconds(400)).count());
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(2 * mean))),
                        [this, client] { look_after(client); });
}

bool Watchers::is_at_a_member(const Client& client) const {
  return raft::is_member(world_.committed.members, raft::NodeId{client.connection->member});
}

void Watchers::leave(Client* client) {
  if (client->connection == nullptr) return;
  client->connection->reader = nullptr;
  if (FrontEnd* const front_end = front_end_of(*client)) front_end->close(client->connection->number);
  client->connection.reset();
}

void Watchers::connect(Client* client) {
  const std::uint64_t at = stopped_ ? world_.any_current_member(&prng_) : world_.any_member(&prng_);
  Member& member = world_.member(at);
  if (!member.is_up() || member.front_end() == nullptr) return;
  const WatchOptions& options = world_.options.watches;
  client->connection = std::make_shared<WatchConnection>();
  WatchConnection& made = *client->connection;
  made.number = ++connections_;
  made.member = at;
  made.life = member.life();
  made.reader = client;
  made.room = prng_.between(1, options.room_max);
  made.latency = std::chrono::milliseconds(prng_.chance(1, 4) && !stopped_ ? options.slow_ms : 2);
  member.front_end()->open(client->connection);
  for (std::size_t i = 0; i < client->watches.size(); ++i) create(client, i);
}

// Mostly from where it was; sometimes from somewhere else, as a client may that comes anew.
void Watchers::create(Client* client, std::size_t watch) {
  Watching& watching = client->watches[watch];
  std::int64_t start = watching.next();
  if (!stopped_ && prng_.chance(1, 6))
    start = static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(reference_.revision()) + 5));
  watching.asks_from(start);
  WatchQuestion question{.kind = WatchQuestion::Kind::create, .create = watching.what()};
  question.create.start_revision = start;
  question.create.watch_id = static_cast<std::int64_t>(watch) + 1;
  front_end_of(*client)->ask(client->connection->number, question);
}

// Where its connection leads; null: nowhere any more.
FrontEnd* Watchers::front_end_of(const Client& client) const {
  if (client.connection == nullptr) return nullptr;
  const Member& member = world_.member(client.connection->member);
  return member.life() == client.connection->life ? member.front_end() : nullptr;
}

void Watchers::ask(Client* client) {
  if (prng_.chance(1, 3)) front_end_of(*client)->ask(client->connection->number, {});
}

Duration Watchers::catching_up() const {
  std::size_t watches = 0;
  for (const auto& client : clients_) watches += client->watches.size();
  const std::size_t turns = watches * (reference_.changes().size() + 100);
  return static_cast<std::int64_t>(turns) *
         Duration(std::chrono::microseconds(world_.options.watches.turn_delay_us + 1));
}

bool Watchers::has_all() const { return who_misses_something().empty(); }

std::string Watchers::who_misses_something() const {
  for (const auto& client : clients_) {
    const bool has_all = std::all_of(client->watches.begin(), client->watches.end(),
                                     [](const Watching& each) { return each.has_all(); });
    if (!has_all) return ", changes missing to watching client " + std::to_string(client->number);
  }
  return "";
}

}  // namespace cairn::sim
