// World: what all parts of one run share: time, trace, links, judge, counters, and how to find a member.
// Owner: Cluster; outlives its members. Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "raft/types.h"
#include "sim/damage.h"
#include "sim/judge.h"
#include "sim/options.h"
#include "sim/schedule.h"
#include "sim/sim_network.h"
#include "sim/trace.h"

namespace cairn::sim {

class Member;

struct Counters {
  std::uint64_t elections = 0, crashes = 0, recoveries = 0, snapshots_saved = 0, snapshots_installed = 0,
                partitions = 0, pauses = 0, stalls = 0, full_disks = 0, shortages = 0, transfers = 0,
                log_writes = 0, requests = 0, answered = 0, refused = 0, pulses = 0, longest_wait_percent = 0,
                most_events = 0, committed = 0, searched = 0, search_unknown = 0;
  std::uint64_t damages = 0, forgotten = 0, taken_in = 0, io_errors = 0, swaps = 0, writes_gone = 0, lies = 0,
                lease_calls = 0, leases_kept = 0, leases_expired = 0, lies_refused = 0, membership_asked = 0,
                membership_made = 0, membership_refused = 0;
  void add(const Counters& other);
};

// A cluster that the same members founded before this one, and gave up: what their disks held then.
struct EarlierFounding {
  std::uint64_t founded = 0;                        // raft::Members::founded
  std::map<std::uint64_t, OlderFiles> directories;  // by member; of those that knew their founding
};

struct World {
  World(const Options& the_options, std::FILE* live_trace);
  ~World();

  const Options options;
  Schedule schedule;
  Trace trace;
  SimNetwork network;
  Judge judge;
  EarlierFounding earlier_founding;
  Counters counters;
  // Of whom a removal was asked, and until when it may come about: it may be in no log yet.
  std::map<std::uint64_t, Time> leaves_by;
  Time moved_at{};                               // when an operator last asked a leader to hand over
  Prng prng;                                     // of faults; clients and members have their own
  std::vector<std::unique_ptr<Member>> members;  // by id - 1; those that may join later behind the others
  raft::Configuration committed;                 // the newest one, as the checkers know

  Member& member(std::uint64_t id) { return *members[id - 1]; }
  std::uint64_t any_member(Prng* random) const;          // that is installed
  std::uint64_t any_current_member(Prng* random) const;  // that the newest committed configuration names
  // The newest committed one, and those that may follow it: in the logs of all members.
  std::vector<raft::Configuration> configurations() const;
  void note(std::uint64_t member, const char* what, std::initializer_list<Trace::Field> fields = {},
            Trace::Text text = {}) {
    trace.add(schedule.now(), member, what, fields, std::move(text));
  }
};

}  // namespace cairn::sim
