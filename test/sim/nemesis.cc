#include "sim/nemesis.h"

#include <algorithm>
#include <chrono>

#include "sim/member.h"

namespace cairn::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Nemesis::start() {
  const FaultOptions& faults = world_.options.faults;
  begin_ = world_.schedule.now();
  if (faults.earlier_founding != Duration{}) forgetting_.begin_with_earlier_founding();
  repeat(faults.power_cut, &Nemesis::power_cut);
  repeat(faults.kill, &Nemesis::kill);
  repeat(faults.cut_mid_write, &Nemesis::cut_mid_write);
  repeat(faults.partition, &Nemesis::partition);
  repeat(faults.pause, &Nemesis::pause);
  repeat(faults.slow_disk, &Nemesis::slow_disk);
  repeat(faults.hung_disk, &Nemesis::hung_disk);
  repeat(faults.transfer, &Nemesis::transfer);
  repeat(faults.all_down, &Nemesis::all_down);
  repeat(faults.full_disk, &Nemesis::full_disk);
  repeat(faults.forget, &Nemesis::damage);
  repeat(faults.io_error, &Nemesis::fail_io);
  repeat(faults.swap, &Nemesis::exchange);
  repeat(faults.misplaced_write, &Nemesis::misplace_write);
  repeat(faults.misplaced_name, &Nemesis::misplace_name);
  repeat(faults.set_aside, &Nemesis::set_aside);
  repeat(faults.earlier_founding, &Nemesis::return_to_earlier_founding);
  repeat(faults.lost_witnesses, &Nemesis::lose_witnesses);
}

void Nemesis::stop() {
  stopped_ = true;
  forgetting_.undo();
  world_.network.heal();
  world_.network.calm();
  for (auto& member : world_.members) {
    member->slow_disk_until(Time{});
    member->hang_disk_until(Time{});
    member->free_disk();
    member->find_out_what_it_lacks();
    if (member->is_installed()) member->start();
  }
}

Duration Nemesis::up_to(Duration longest) {
  return Duration(static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(longest.count())) + 1));
}

void Nemesis::repeat(Duration mean, Fault fault) {
  if (mean == Duration{}) return;
  world_.schedule.after(up_to(2 * mean), [this, mean, fault] {
    if (stopped_) return;
    (this->*fault)();
    repeat(mean, fault);
  });
}

void Nemesis::restart_later(std::uint64_t member) {
  world_.schedule.after(up_to(seconds(3)), [this, member] { world_.member(member).start(); });
}

void Nemesis::power_cut() {
  const std::uint64_t member = any_member();
  world_.member(member).die(Member::Death::power_cut);
  restart_later(member);
}

void Nemesis::kill() {
  const std::uint64_t member = any_member();
  world_.member(member).die(Member::Death::kill);
  restart_later(member);
}

void Nemesis::cut_mid_write() { world_.member(any_member()).cut_power_at_change(prng_.between(1, 30)); }

void Nemesis::partition() {
  ++world_.counters.partitions;
  const std::uint64_t count = world_.members.size();
  const std::uint64_t chosen = any_member();
  const std::uint64_t kind = prng_.below(5);
  world_.note(0, "partition", {{"kind", kind}, {"member", chosen}});
  world_.network.heal();
  for (std::uint64_t other = 1; other <= count; ++other) {
    if (other == chosen) continue;
    if (kind == 0 || kind == 1) world_.network.cut(chosen, other);  // nobody hears it
    if (kind == 0 || kind == 2) world_.network.cut(other, chosen);  // it hears nobody
    if (kind == 3) {                                                // each link by itself, each direction
      for (std::uint64_t to = 1; to <= count; ++to) {
        if (to != other && prng_.chance(1, 3)) world_.network.cut(other, to);
      }
    }
    if (kind == 4 && other % 2 == 0) {  // halves, with the chosen one as a bridge between them
      for (std::uint64_t to = 1; to <= count; to += 2) {
        if (to == chosen) continue;
        world_.network.cut(other, to);
        world_.network.cut(to, other);
      }
    }
  }
  world_.schedule.after(up_to(seconds(4)), [this] {
    world_.note(0, "healed");
    world_.network.heal();
  });
}

void Nemesis::pause() {
  ++world_.counters.pauses;
  world_.member(any_member()).pause_until(world_.schedule.now() + up_to(4 * world_.options.election_timeout));
}

void Nemesis::slow_disk() {
  ++world_.counters.stalls;
  const std::uint64_t member = any_member();
  world_.note(member, "slow disk");
  world_.member(member).slow_disk_until(world_.schedule.now() + up_to(seconds(3)));
}

void Nemesis::hung_disk() {
  ++world_.counters.stalls;
  const std::uint64_t member = any_member();
  world_.note(member, "hung disk");
  const Duration election = world_.options.election_timeout;
  const auto longest = static_cast<std::int64_t>(world_.options.faults.hang_elections);
  // Not for long into peace: a sync that hangs is not called back.
  const Time latest = begin_ + world_.options.workload + 10 * election;
  world_.member(member).hang_disk_until(std::min(world_.schedule.now() + up_to(longest * election), latest));
}

// Of any number of members, all of them included.
void Nemesis::full_disk() {
  const std::uint64_t member = any_member();
  if (world_.member(member).is_disk_full()) return;
  ++world_.counters.full_disks;
  world_.member(member).fill_disk(prng_.below(3 * world_.options.disk.segment_bytes));
  world_.schedule.after(up_to(seconds(5)), [this, member] {
    world_.note(member, "disk has room");
    world_.member(member).free_disk();
  });
}

void Nemesis::transfer() {
  for (auto& member : world_.members) {
    if (!member->is_leader()) continue;
    ++world_.counters.transfers;
    world_.moved_at = world_.schedule.now();
    const std::uint64_t to = prng_.chance(1, 2) ? 0 : any_member();
    world_.note(member->id(), "transfer", {{"to", to}});
    member->deliver(node::TransferLeadership{raft::NodeId{to}});
  }
}

void Nemesis::all_down() {
  world_.note(0, "all down");
  for (auto& member : world_.members) {
    if (!member->is_installed()) continue;
    member->die(prng_.chance(1, 4) ? Member::Death::kill : Member::Death::power_cut);
    restart_later(member->id());
  }
}

}  // namespace cairn::sim
