#include "sim/forgetting.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "raft/members.h"
#include "sim/member.h"

namespace cairn::sim {

using std::chrono::milliseconds;

namespace {

bool is_tampered_with(const Member& member) {
  return member.is_exchanged() || member.is_obstructed() || member.is_of_earlier_founding();
}

}  // namespace

bool Forgetting::may_forget(std::uint64_t member) const {
  const std::uint64_t count = world_.options.members;
  if (world_.options.faults.any_number_forgets)
    return count > 1 && member != world_.options.seed / 8 % count + 1;
  // Who once was alone founds a cluster of its own when it begins with nothing, or does not start:
  // docs/promises.md.
  if (world_.options.spares > 0 && count == 1 && member == 1) return false;
  // And so do all founders together, once each was removed and emptied: one of them, drawn by the seed, is
  // not.
  const bool founders_are_emptied =
      world_.options.spares > 0 && world_.options.faults.earlier_founding != Duration{};
  if (founders_are_emptied && member == world_.options.seed / 8 % count + 1) return false;
  // Learners count as if they were voters, as they may be before the directory is read again.
  const std::vector<raft::Configuration> all = world_.configurations();
  const auto may_leave = [this](raft::NodeId id) {
    const auto leaves = world_.leaves_by.find(id.v);
    return leaves != world_.leaves_by.end() && world_.schedule.now() < leaves->second;
  };
  return std::all_of(all.begin(), all.end(), [&](const raft::Configuration& configuration) {
    std::uint64_t forgetting = 0;
    for (const raft::NodeId id : raft::all_members(configuration.members))
      forgetting += id.v == member || !world_.member(id.v).remembers() ? 1 : 0;
    const raft::Members& members = configuration.members;
    const auto fits = [&](const auto& voters) {
      const auto leaving = std::count_if(voters.begin(), voters.end(), may_leave);
      return voters.empty() || 2 * forgetting + static_cast<std::size_t>(leaving) < voters.size();
    };
    return fits(members.voters) && fits(members.voters_old);
  });
}

void Forgetting::damage() {
  const std::uint64_t id = any_member();
  auto kind = static_cast<Damage>(prng_.below(kDamages));
  const bool rots = prng_.chance(1, 4);
  const auto death = prng_.chance(1, 2) ? Member::Death::kill : Member::Death::power_cut;
  Member& member = world_.member(id);
  if (!may_forget(id) || is_tampered_with(member)) return;
  member.die(death);
  if (prng_.chance(1, 5) && member.roll_back()) return restart_later(id);
  if (prng_.chance(1, 5) && member.roll_back_to_earlier_life()) return restart_later(id);
  if (rots) kind = prng_.chance(1, 2) ? Damage::bit_flipped : Damage::sector_zeroed;
  member.damage(kind);
  restart_later(id);
}

void Forgetting::fail_io() {
  ++world_.counters.io_errors;
  const std::uint64_t id = any_member();
  const std::uint64_t nth = prng_.between(1, 40);
  Member& member = world_.member(id);
  if (prng_.chance(1, 2)) {  // while it reads what it finds at its start: what cannot be read is lost
    if (!may_forget(id) || member.is_of_earlier_founding()) return;
    member.die(Member::Death::kill);
    member.lose_memory();
    restart_later(id);
  } else if (!member.is_up()) {
    return;
  }
  member.fail_io(nth);
}

void Forgetting::misplace_write() {
  const std::uint64_t id = any_member();
  const std::uint64_t nth = prng_.between(1, 30);
  const std::uint64_t place = prng_.below(2 * world_.options.disk.segment_bytes);
  const std::optional<std::uint64_t> to = prng_.chance(1, 2) ? std::optional(place) : std::nullopt;
  const bool while_starting = prng_.chance(1, 6), dies_soon = prng_.chance(1, 2);
  const Duration until_start = milliseconds(prng_.between(20, 3000));
  Member& member = world_.member(id);
  if (!may_forget(id) || !member.is_up() || !member.remembers() || member.is_exchanged()) return;
  if (while_starting) {
    member.die(Member::Death::kill);
    restart_later(id);
  }
  member.misplace_write(nth, to, dies_soon);
  world_.schedule.after(until_start, [this, id] {
    Member& suspect = world_.member(id);
    if (!suspect.is_up() || !suspect.may_lack_a_write()) return;
    suspect.find_out_what_it_lacks();
    restart_later(id);
  });
}

void Forgetting::misplace_name() {
  const std::uint64_t id = any_member();
  const std::uint64_t which = prng_.next();
  const auto death = prng_.chance(1, 2) ? Member::Death::kill : Member::Death::power_cut;
  const Duration until_put_back = milliseconds(prng_.between(100, 4000));
  Member& member = world_.member(id);
  if (is_tampered_with(member) || member.is_aside()) return;
  member.die(death);
  restart_later(id);
  if (!member.obstruct(which)) return;
  world_.schedule.after(until_put_back, [this, id] {
    world_.member(id).clear_obstruction();
    world_.member(id).start();
  });
}

void Forgetting::exchange() {
  const std::uint64_t a = any_member(), b = any_member();
  const Duration until_noticed = milliseconds(prng_.between(100, 3000));
  if (a == b || exchanged_[0] != 0) return;
  // An empty disk says of nobody that it is somebody else's.
  if (!world_.member(a).remembers() || !world_.member(b).remembers()) return;
  if (world_.member(a).is_obstructed() || world_.member(b).is_obstructed()) return;
  ++world_.counters.swaps;
  world_.note(0, "disks exchanged", {{"of", a}, {"and", b}});
  exchanged_[0] = a;
  exchanged_[1] = b;
  for (const std::uint64_t id : exchanged_) world_.member(id).die(Member::Death::power_cut);
  world_.member(a).exchange_disks(&world_.member(b));
  for (const std::uint64_t id : exchanged_) world_.member(id).start();
  world_.schedule.after(until_noticed, [this] { undo_exchange(); });
}

void Forgetting::set_aside() {
  const auto& members = world_.members;
  const Duration election = world_.options.election_timeout;
  const auto is_ready = [](const auto& each) {
    return each->is_up() && each->remembers() && !each->may_lack_a_write() && !each->is_exchanged() &&
           !each->is_obstructed() && !each->is_aside() && !each->is_disk_full();
  };
  const auto leader =
      std::find_if(members.begin(), members.end(), [](const auto& each) { return each->is_leader(); });
  if (members.size() < 2 || leader == members.end() || !std::all_of(members.begin(), members.end(), is_ready))
    return;
  world_.network.heal();
  std::size_t left = members.size() - members.size() / 2;
  for (const auto& member : members) {
    if (member == *leader || left == 0) continue;
    --left;
    member->die(Member::Death::kill);
    // That the process is gone is known by then, and what it said has arrived.
    const Duration until_known = election * 3 / 10;
    member->set_aside(world_.schedule.now() + until_known);
    // As of a connection that was read to its end: what had been sent on it is not the last that is heard.
    world_.schedule.after(election / 4, [this, id = member->id()] {
      for (const auto& other : world_.members)
        if (other->id() != id) other->deliver(node::PeerUnreachable{raft::NodeId{id}});
    });
    world_.schedule.after(until_known, [&each = *member] {
      if (each.is_aside()) each.start();
    });
  }
  const Duration until = election / 2 + election * static_cast<std::int64_t>(prng_.below(30)) / 10;
  world_.schedule.after(until, [this] { put_back(); });
}

void Forgetting::lose_witnesses() {
  const std::uint64_t id = any_member();
  Member& member = world_.member(id);
  const bool is_fit = !is_tampered_with(member) && !member.is_aside() && member.is_up() && member.remembers();
  if (copied_ == 0 || !world_.member(copied_).has_copy()) {
    if (!is_fit) return;
    member.die(Member::Death::kill);
    copied_ = member.keep_copy() ? id : 0;
    witnesses_.clear();
    return restart_later(id);
  }
  if (!world_.member(copied_).others_know_its_copy()) return;
  if (witnesses_.size() < (world_.options.members - 1) / 2) {
    if (!is_fit || id == copied_ || witnesses_.contains(id) || !may_forget(id)) return;
    // It does not tell them itself, where enough are left to take them in.
    if (world_.options.members >= 5) world_.member(copied_).die(Member::Death::kill);
    witnesses_.insert(id);
    member.die(Member::Death::kill);
    member.damage(Damage::wiped);
    return restart_later(id);
  }
  const auto is_full = [this](std::uint64_t each) {
    return world_.member(each).is_up() && world_.member(each).remembers();
  };
  if (std::all_of(witnesses_.begin(), witnesses_.end(), is_full) && prng_.chance(1, 2)) {
    // From now on they miss what the others acknowledge.
    for (const std::uint64_t each : witnesses_) world_.member(each).die(Member::Death::kill);
    world_.member(copied_).start();
    world_.schedule.after(milliseconds(prng_.between(500, 2500)), [this] { leave_witnesses_alone(); });
  }
}

// ... with the older copy.
void Forgetting::leave_witnesses_alone() {
  const std::uint64_t copied = std::exchange(copied_, 0);
  if (copied == 0 || is_tampered_with(world_.member(copied)) || !may_forget(copied)) return;
  for (const auto& member : world_.members) {
    if (!member->is_installed() || is_tampered_with(*member)) continue;
    member->die(Member::Death::kill);
    const bool is_first = member->id() == copied || witnesses_.contains(member->id());
    if (member->id() == copied) member->roll_back();
    world_.schedule.after(milliseconds(is_first ? 10 : prng_.between(1000, 4000)),
                          [&each = *member] { each.start(); });
  }
}

// All are stopped first, so that nothing that an empty one has said is under way any more.
void Forgetting::put_back() {
  std::uint64_t stays_empty = 0;
  for (const auto& member : world_.members) {
    if (!member->is_aside()) continue;
    member->die(Member::Death::kill);
    if (member->is_obstructed()) member->clear_obstruction();
    if (stays_empty == 0 && world_.members.size() > 2) {
      stays_empty = member->id();
      member->stay_empty();
    } else {
      member->put_back_from_aside();
    }
    world_.schedule.after(world_.options.election_timeout, [&each = *member] { each.start(); });
  }
}

// Of whom nothing was committed yet, and who yet counts, nobody can be told apart (docs/promises.md).
bool Forgetting::others_know_their_founding(std::uint64_t member) const {
  return std::all_of(world_.members.begin(), world_.members.end(), [member](const auto& other) {
    const raft::Life& life = other->ledger().durable.hard_state.life;
    return other->id() == member || !other->is_installed() || !life.full || life.founded != 0;
  });
}

void Forgetting::return_to_earlier_founding() {
  const std::uint64_t id = any_member();
  const bool one_has = std::any_of(world_.members.begin(), world_.members.end(),
                                   [](const auto& each) { return each->is_of_earlier_founding(); });
  Member& member = world_.member(id);
  if (one_has || !may_forget(id) || is_tampered_with(member) || member.is_aside()) return;
  if (others_know_their_founding(id)) go_back(id);
}

void Forgetting::begin_with_earlier_founding() {
  if (prng_.chance(1, 3)) go_back(any_member());
}

void Forgetting::go_back(std::uint64_t id) {
  const Duration until_noticed = milliseconds(prng_.between(100, 6000));
  Member& member = world_.member(id);
  member.die(prng_.chance(1, 2) ? Member::Death::kill : Member::Death::power_cut);
  restart_later(id);
  if (!member.go_back_to_earlier_founding()) return;
  world_.schedule.after(until_noticed, [this, id] { empty(id); });
}

void Forgetting::empty(std::uint64_t id) {
  Member& member = world_.member(id);
  if (!member.is_of_earlier_founding()) return;
  member.die(Member::Death::kill);
  member.empty_directory();
  restart_later(id);
}

void Forgetting::undo() {
  put_back();
  for (const auto& member : world_.members) empty(member->id());
  for (const auto& member : world_.members) member->clear_obstruction();
  undo_exchange();
}

void Forgetting::undo_exchange() {
  if (exchanged_[0] == 0) return;
  Member& a = world_.member(exchanged_[0]);
  Member& b = world_.member(exchanged_[1]);
  for (Member* member : {&a, &b}) member->die(Member::Death::power_cut);
  a.exchange_disks(&b);
  exchanged_[0] = exchanged_[1] = 0;
  for (Member* member : {&a, &b}) member->start();
}

void Forgetting::restart_later(std::uint64_t member) {
  world_.schedule.after(milliseconds(prng_.between(1, 3000)),
                        [this, member] { world_.member(member).start(); });
}

}  // namespace cairn::sim
