// FrontEnd: what a member serves watches with: the very Hub of the server, told of states as a thread beside
// the loop is, later and of the newest only; and the connections of its clients. Owner: Member's process,
// with which all of it is gone. Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "base/prng.h"
#include "node/ports.h"
#include "sim/watch_wire.h"
#include "sim/world.h"
#include "watch/hub.h"

namespace cairn::sim {

watch::Limits watch_limits(const Options& options);

class FrontEnd final : public node::Audience {
 public:
  FrontEnd(World& world, Member& member, std::uint64_t seed);
  ~FrontEnd() override;

  // What the client does with the stream happens when the thread comes to it; in order.
  void open(const std::shared_ptr<WatchConnection>& connection);
  void ask(std::uint64_t connection, const WatchQuestion& question);
  void close(std::uint64_t connection);
  void has_room(std::uint64_t connection);

  // node::Audience
  bool listens() const override { return !streams_.empty(); }
  void published(std::shared_ptr<const mvcc::View> view) override;

 private:
  struct ServedStream;

  void soon();
  void at(Time when);
  void turn();
  void take_news();
  void act(ServedStream* stream, const WatchQuestion& question);

  World& world_;
  Member& member_;
  Prng prng_;
  watch::Hub hub_;
  std::shared_ptr<const mvcc::View> latest_;
  std::map<std::uint64_t, std::unique_ptr<ServedStream>> streams_;  // by connection
  std::set<std::uint64_t> with_room_;
  Time turn_at_ = Time::max();
};

}  // namespace cairn::sim
