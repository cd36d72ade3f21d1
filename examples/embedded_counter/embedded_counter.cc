// A counter replicated over three members in one process, on nothing but cairn::raft. It shows everything a
// driver of the core has to do: hand in time, messages and finished writes, and carry out what an Output
// lists. A real driver has sockets where this one has a queue, and a disk where it has a variable.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "raft/core.h"
#include "raft/state.h"

namespace raft = cairn::raft;

// One member: the core, what it drives, and its state machine.
struct Member {
  raft::Core core;
  std::vector<raft::LogWrite> disk;  // a real one survives a crash
  long counter = 0;
};

class Cluster {
 public:
  Cluster() {
    // A first start has no log: only the members that everybody agrees to begin with.
    raft::Recovered first_start;
    for (std::uint64_t id = 1; id <= 3; ++id) first_start.snapshot.members.voters.push_back(raft::NodeId{id});
    for (const raft::NodeId id : first_start.snapshot.members.voters) {
      raft::Config config;
      config.id = id;
      config.seed = id.v;  // members must differ here, or they all campaign at the same moment
      members_.emplace(id, Member{raft::Core(config, first_start, now_), {}, 0});
    }
  }

  // Runs until the condition holds: whatever is due next, happens next.
  template <class Condition>
  void run_until(Condition done) {
    while (!done()) {
      if (!network_.empty()) {
        raft::Message message = std::move(network_.front());
        network_.pop_front();
        const raft::NodeId to = message.to;
        step(to, raft::Received{std::move(message)});
      } else {
        wait();
      }
    }
  }

  // The member that leads, or nobody (0).
  raft::NodeId leader() const {
    for (const auto& [id, member] : members_) {
      if (raft::is_leader(member.core.state())) return id;
    }
    return raft::NodeId{};
  }

  void add(raft::NodeId to, int amount) {
    step(to, raft::Propose{++tag_, cairn::make_bytes(std::to_string(amount))});
  }

  const std::map<raft::NodeId, Member>& members() const { return members_; }

 private:
  void step(raft::NodeId id, raft::Input input) {
    Member& member = members_.at(id);
    raft::Output out;
    member.core.step(now_, std::move(input), &out);
    // The turn ends: what was gathered (log writes, append requests) goes out. A busy driver handles many
    // inputs first.
    member.core.step(now_, raft::Flush{}, &out);
    carry_out(id, &member, std::move(out));
  }

  void carry_out(raft::NodeId id, Member* member, raft::Output out) {
    // The lists may be carried out in any order: a message that promises something durable is not in `send`
    // before the write it depends on was reported persisted.
    for (raft::Message& message : out.send) network_.push_back(std::move(message));
    for (const raft::Entry& entry : out.apply) {
      if (entry.type == raft::EntryType::command) member->counter += std::stol(*entry.data);
    }
    if (!out.apply.empty()) step(id, raft::Applied{out.apply.back().index});
    for (raft::LogWrite& write : out.write) {
      const raft::WriteSeq seq = write.seq;
      member->disk.push_back(std::move(write));  // write(2), then fdatasync(2)
      step(id, raft::Persisted{seq});
    }
  }

  // Nothing to deliver: sleep until the first deadline, which here means to set the clock.
  void wait() {
    cairn::Time next = cairn::Time::max();
    for (const auto& [id, member] : members_) next = std::min(next, member.core.deadline());
    now_ = std::max(now_, next);
    for (const auto& [id, member] : members_) {
      if (member.core.deadline() <= now_) step(id, raft::Tick{});
    }
  }

  cairn::Time now_{std::chrono::seconds(1)};
  std::map<raft::NodeId, Member> members_;
  std::deque<raft::Message> network_;
  std::uint64_t tag_ = 0;
};

int main() {
  Cluster cluster;
  cluster.run_until([&] { return cluster.leader().v != 0; });
  for (const int amount : {1, 2, 3}) cluster.add(cluster.leader(), amount);
  cluster.run_until([&] {
    return std::all_of(cluster.members().begin(), cluster.members().end(),
                       [](const auto& member) { return member.second.counter == 6; });
  });
  for (const auto& [id, member] : cluster.members()) {
    std::printf("member %d: %ld\n", static_cast<int>(id.v), member.counter);
  }
  return 0;
}
