// Nemesis: makes things go wrong, at the rates that the options drew, until it is told to stop.
// Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>

#include "sim/forgetting.h"
#include "sim/world.h"

namespace cairn::sim {

class Nemesis {
 public:
  explicit Nemesis(World& world)
      : world_(world), prng_(world.options.seed ^ 0x6e656d65736973U), forgetting_(world) {}
  void start();
  void stop();  // and everything heals

 private:
  using Fault = void (Nemesis::*)();
  void repeat(Duration mean, Fault fault);
  std::uint64_t any_member() { return world_.any_member(&prng_); }
  Duration up_to(Duration longest);
  void restart_later(std::uint64_t member);

  void power_cut();
  void kill();
  void cut_mid_write();
  void partition();
  void pause();
  void slow_disk();
  void hung_disk();
  void transfer();
  void all_down();
  void full_disk();
  void damage() { forgetting_.damage(); }
  void fail_io() { forgetting_.fail_io(); }
  void exchange() { forgetting_.exchange(); }
  void misplace_write() { forgetting_.misplace_write(); }
  void misplace_name() { forgetting_.misplace_name(); }
  void set_aside() { forgetting_.set_aside(); }
  void lose_witnesses() { forgetting_.lose_witnesses(); }
  void return_to_earlier_founding() { forgetting_.return_to_earlier_founding(); }

  World& world_;
  Prng prng_;
  Forgetting forgetting_;
  Time begin_{};
  bool stopped_ = false;
};

}  // namespace cairn::sim
