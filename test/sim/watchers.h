// Watchers: clients with watches. Each has a stream at some member, until it leaves, the connection is cut or
// the member goes down; then it goes on at another, from where it was told everything. Some read slowly.
// Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/checks/watching.h"
#include "sim/world.h"

namespace cairn::sim {

class FrontEnd;

class Watchers {
 public:
  Watchers(World& world, const Reference& reference);
  ~Watchers();
  void start();
  void stop();  // from now on they stay where they are, at members that the newest configuration names
  // Nobody misses anything.
  bool has_all() const;
  Duration catching_up() const;  // what that takes at the most, one change a turn
  std::string who_misses_something() const;

 private:
  struct Client;

  watch::Request draw_watch();
  void connect(Client* client);
  void leave(Client* client);
  void look_after(Client* client);
  void ask(Client* client);
  void create(Client* client, std::size_t watch);
  bool is_at_a_member(const Client& client) const;  // that has not been removed
  FrontEnd* front_end_of(const Client& client) const;

  World& world_;
  const Reference& reference_;
  Prng prng_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t connections_ = 0;
  bool stopped_ = false;
};

}  // namespace cairn::sim
