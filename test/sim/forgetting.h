// Forgetting: the fault plan for memory that is lost: whose directory may be damaged now, and whose disk may
// fail. One good copy: as a rule a minority at a time may have forgotten, counted from the damage until the
// member is full again; then everything that was acknowledged has to survive, and everybody has to be taken
// in again. Without that limit only one member, drawn by the seed, surely keeps its memory; then nothing is
// promised but that nothing wrong is said. A disk that misplaces a write counts as damaged from before the
// write until a start has found out. Where something else lies in place of a file, nothing is forgotten.
// Not here: a twin, an older copy of a directory that runs beside it (the
// world has one machine for each member), and damage that a member has no way of noticing: a write of the
// log's last sync that nothing vouches for yet (docs/format/wal.md) is not lost for good, it arrives late.
// Owner: Nemesis. Threading: one thread.
#pragma once

#include <cstdint>
#include <set>

#include "sim/world.h"

namespace cairn::sim {

class Forgetting {
 public:
  explicit Forgetting(World& world) : world_(world), prng_(world.options.seed ^ 0x666f72676574U) {}

  void damage();          // one directory
  void fail_io();         // one disk, once
  void misplace_write();  // one disk, once: lost, or written elsewhere, and reported done
  void exchange();        // the disks of two members, until somebody notices
  void misplace_name();   // something else lies in place of a file, until somebody puts it back
  // The directories of so many that those who are left are no quorum, a leader among them, are not there when
  // their members start, and empty ones are; then all but one are put back. All that was acknowledged is
  // there then.
  void set_aside();
  // The directory of an earlier cluster, of which only a minority is left, until somebody empties it. All the
  // others know by then which founding is theirs, or count for nothing.
  void return_to_earlier_founding();
  void begin_with_earlier_founding();  // perhaps: one was not emptied when the others were
  // One step each time: a copy of a directory is made, and its member started again. Once all others have met
  // that start a minority of them is wiped, one after the other, and taken in again. They are stopped, the
  // rest goes on; then the copy is put back, and it and they are started, without the rest.
  void lose_witnesses();
  void undo();  // of exchanges, of such names, of what is set aside and of what is of an earlier cluster

 private:
  std::uint64_t any_member() { return world_.any_member(&prng_); }
  bool may_forget(std::uint64_t member) const;
  void restart_later(std::uint64_t member);
  void undo_exchange();
  void put_back();
  void leave_witnesses_alone();
  void go_back(std::uint64_t member);
  void empty(std::uint64_t member);
  bool others_know_their_founding(std::uint64_t member) const;

  World& world_;
  Prng prng_;
  std::uint64_t exchanged_[2] = {0, 0};
  std::uint64_t copied_ = 0;           // whose directory lose_witnesses() has made a copy of; 0: nobody's
  std::set<std::uint64_t> witnesses_;  // ... and who was wiped since
};

}  // namespace cairn::sim
