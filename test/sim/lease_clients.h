// LeaseClients: each grants a lease, attaches a key, keeps it for a while, and leaves it to its end, or
// revokes it, at random members; now and then it grants one of the same id again. What they are told, the
// LeaseBook judges. Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "node/requests.h"
#include "sim/checks/lease_book.h"
#include "sim/world.h"

namespace cairn::sim {

class LeaseClients {
 public:
  LeaseClients(World& world, LeaseBook& book)
      : world_(world), book_(book), prng_(world.options.seed ^ 0x6c6561736573U) {}
  void start();
  void stop() { stopped_ = true; }
  // After which, in peace, none of their leases is left.
  Duration longest() const;

 private:
  struct Client {
    std::int64_t id = 0, ttl_s = 0;  // of its lease
    std::uint64_t leases = 0, keep_alives = 0;
    std::uint64_t turn = 0;  // counts requests, so that late answers are known as such
  };
  struct WriteAnswer;
  struct KeepAliveAnswer;
  struct Asked {
    std::size_t client = 0;
    std::uint64_t turn = 0;
    Time when{};
    std::int64_t id = 0, ttl_s = 0;
  };

  void begin(std::size_t client);
  void grant(std::size_t client);
  void attach(std::size_t client);
  void keep(std::size_t client);
  void revoke(std::size_t client);
  void write(std::size_t client, node::CommandKind kind, std::string request);
  void written(const Asked& asked, node::CommandKind kind, bool done);
  void kept(const Asked& asked, std::optional<std::int64_t> left_s);
  Asked ask(std::size_t client);
  void later(std::size_t client, Duration wait, void (LeaseClients::*what)(std::size_t));
  Duration some(Duration most);

  static constexpr std::int64_t kTtlMax = 6;
  World& world_;
  LeaseBook& book_;
  Prng prng_;
  std::vector<Client> clients_;
  bool stopped_ = false;
};

}  // namespace cairn::sim
