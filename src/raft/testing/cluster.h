// Cluster: several cores with disks and a network, all in memory and in one thread, for the tests of raft/.
// Nothing happens by itself: the test delivers each message, finishes each write and moves the time. Checks
// after every step what no single core can know (G1..G7 below), besides the core's own invariants.
//
//   G1  at most one leader per term
//   G2  a member grants at most one vote per term and incarnation, crashes included
//   G3  no message carries a term, and no acknowledgement an index, that is not on the sender's disk
//   G4  what is applied at an index is the same everywhere
//   G5  a new leader has everything that was ever committed
//   G6  what a leader commits is on the disks of a quorum, or was before one of them forgot
//   G7  a read index is not below what was committed when the read was asked for
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "raft/invariants.h"
#include "raft/life.h"
#include "raft/members.h"
#include "raft/quorum.h"
#include "raft/state.h"

namespace cairn::raft::testing {

// What a crash leaves.
struct Disk {
  HardState hard_state;
  SnapshotMeta snapshot;  // the newest durable one
  Index base;             // the log holds base+1 up to last()
  std::deque<Entry> entries;

  Index last() const { return Index{base.v + entries.size()}; }

  void execute(const LogWrite& write) {
    if (write.hard_state) hard_state = *write.hard_state;
    if (write.reset_to) {
      entries.clear();
      base = write.reset_to->index;
    }
    for (const Entry& entry : write.entries) {
      while (last() >= entry.index && !entries.empty()) entries.pop_back();
      if (last().next() != entry.index) throw std::string("G3 the written log has a hole");
      entries.push_back(entry);
    }
    while (write.drop_before && !entries.empty() && entries.front().index < *write.drop_before) {
      entries.pop_front();
      base = base.next();
    }
  }
  bool holds(Index index, Term term) const {
    if (index <= snapshot.index) return true;
    if (index <= base || index > last()) return false;
    return entries[index.v - base.v - 1].term == term;
  }
  Recovered recover() const { return Recovered{hard_state, snapshot, {entries.begin(), entries.end()}}; }
};

struct Member {
  std::unique_ptr<Core> core;  // null: down
  Disk disk;
  std::optional<Disk> copy;  // of the disk as it once was
  Members initial;
  std::uint64_t incarnations = 0;  // taken so far

  bool forgot_once() const { return incarnations > 1; }
  std::deque<LogWrite> writing;
  Index applied;
  bool garbled = false;  // the state that it loads is not the one that it saved or was sent
  Room room;
  std::map<std::uint64_t, Index> reads;  // by tag: what was committed anywhere when it was asked
};

class Cluster {
 public:
  explicit Cluster(Config prototype) : prototype_(prototype) {}

  std::map<NodeId, Member> members;
  std::vector<Message> network;
  Time now{std::chrono::seconds(1)};
  std::vector<std::string> story;     // trace lines and outcomes since they were last taken
  std::map<Index, Entry> committed;   // the first apply of an index fixes it
  std::vector<std::string> problems;  // broken checks
  std::uint64_t reads_ready = 0, reads_failed = 0, accepted = 0, installs = 0;
  bool forgets = false;  // applied log leaves memory before a snapshot covers it, but for this much
  std::size_t forget_keep_bytes = 0;
  std::map<Term, NodeId> leaders;

  void add(NodeId id, const Members& initial) {
    Member& member = members[id];
    member.initial = initial;
    member.disk.snapshot.members = initial;
    start(id);
  }
  // One that knows nothing, in a cluster that has to be formed.
  void add_unformed(NodeId id, const Members& initial) {
    members[id].initial = initial;
    wipe(id);
    start(id);
  }

  // ---- loss of memory; the member is down, and starts with a new incarnation that is not full ----
  void wipe(NodeId id) {
    Member& member = members.at(id);
    crash(id, 0);
    member.disk = Disk();
    member.disk.snapshot.members = member.initial;
    reincarnate(id);
  }
  // Entries from `from` on are damaged; term and vote are kept, or not.
  void lose_log(NodeId id, Index from, bool hard_state_too) {
    Disk& disk = members.at(id).disk;
    crash(id, 0);
    while (disk.last() >= from && !disk.entries.empty()) disk.entries.pop_back();
    if (hard_state_too) {
      disk.hard_state = HardState();
      disk.hard_state.term = disk.entries.empty() ? disk.snapshot.term : disk.entries.back().term;
    }
    disk.hard_state.has_forgotten = true;
    reincarnate(id);
  }
  // Nobody notices: the same incarnation, which remembers less.
  void rot(NodeId id, Index from) {
    Disk& disk = members.at(id).disk;
    crash(id, 0);
    while (disk.last() >= from && !disk.entries.empty()) disk.entries.pop_back();
  }
  void copy(NodeId id) { members.at(id).copy = members.at(id).disk; }
  void roll_back(NodeId id) {
    crash(id, 0);
    members.at(id).disk = *members.at(id).copy;
  }

  void start(NodeId id) {
    Member& member = members.at(id);
    Life& life = member.disk.hard_state.life;
    if (life.incarnation.v != 0) {
      life.start = next_start(life.start, ++starts_);
      member.disk.hard_state.starts.push_back(life.start);
    }
    Config config = prototype_;
    config.hash = [](std::string_view data) { return std::uint64_t{std::hash<std::string_view>()(data)}; };
    config.id = id;
    config.seed = prototype_.seed + id.v;
    member.applied = member.disk.snapshot.index;
    member.core = std::make_unique<Core>(config, member.disk.recover(), now);
    if (member.applied.v == 0) return;
    Output out;
    step_checked(id, Applied{member.applied, Index{}, 0, {loaded_hash(member)}}, &out);
    take(id, std::move(out));
  }

  // The first `survive` writes that were under way reach the disk, the rest is lost.
  void crash(NodeId id, std::size_t survive) {
    Member& member = members.at(id);
    for (std::size_t i = 0; i < survive && i < member.writing.size(); ++i) execute(id, member.writing[i]);
    member.writing.clear();
    member.reads.clear();
    member.core.reset();
  }

  const State& state(NodeId id) const { return members.at(id).core->state(); }
  bool up(NodeId id) const { return members.count(id) != 0 && members.at(id).core != nullptr; }

  void step(NodeId id, Input input, bool flush = true) {
    Member& member = members.at(id);
    if (!member.core) return;
    if (const auto* read = std::get_if<ReadBarrier>(&input)) member.reads[read->tag] = committed_last();
    if (const auto* received = std::get_if<Received>(&input)) store_offer(&member, received->message);
    Output out;
    step_checked(id, std::move(input), &out);
    if (flush) step_checked(id, Flush{}, &out);
    take(id, std::move(out));
  }

  // Finishes every write up to `seq`.
  void persist(NodeId id, WriteSeq seq) {
    Member& member = members.at(id);
    bool any = false;
    while (!member.writing.empty() && member.writing.front().seq <= seq) {
      execute(id, member.writing.front());
      member.writing.pop_front();
      any = true;
    }
    if (any) step(id, Persisted{seq, member.room});
  }
  // What the disk has for the log from now on, however much is written.
  void set_room(NodeId id, Room room) {
    members.at(id).room = room;
    step(id, Persisted{state(id).durability.persisted(), room});
  }
  void persist_all(NodeId id) {
    if (up(id) && !members.at(id).writing.empty()) persist(id, members.at(id).writing.back().seq);
  }

  // Nobody hears of a lost message, but of a transfer that broke off.
  void lose(std::size_t at) {
    const Message message = network[at];
    network.erase(network.begin() + static_cast<std::ptrdiff_t>(at));
    if (std::holds_alternative<SnapshotOffer>(message.body))
      step(message.from, SnapshotSent{message.to, false});
  }

  void deliver(std::size_t at, bool keep = false) {
    const Message message = network[at];
    if (!up(message.to)) {
      lose(at);
      return;
    }
    if (!keep) network.erase(network.begin() + static_cast<std::ptrdiff_t>(at));
    step(message.to, Received{message});
    if (std::holds_alternative<SnapshotOffer>(message.body) && up(message.from)) {
      step(message.from, SnapshotSent{message.to, true});
    }
  }

  void snapshot(NodeId id) {
    Member& member = members.at(id);
    if (!member.core || member.applied <= state(id).log.snapshot().index) return;
    const SnapshotMeta meta = snapshot_meta_at(state(id), member.applied);
    if (meta.index > member.disk.snapshot.index) member.disk.snapshot = meta;
    step(id, SnapshotSaved{meta});
  }

  Index committed_last() const { return committed.empty() ? Index{} : committed.rbegin()->first; }

  NodeId leader() const {  // of the latest term
    NodeId found;
    Term term;
    for (const auto& [id, member] : members) {
      if (member.core && is_leader(member.core->state()) && member.core->state().term >= term) {
        found = id;
        term = member.core->state().term;
      }
    }
    return found;
  }

 private:
  void reincarnate(NodeId id) {
    Member& member = members.at(id);
    member.disk.hard_state.life = Life{Incarnation{100 * id.v + ++member.incarnations}, 0, false};
    member.disk.hard_state.starts.clear();
  }

  template <class... Parts>
  void problem(const Parts&... parts) {
    std::ostringstream line;
    (line << ... << parts);
    problems.push_back(line.str());
  }

  void say(NodeId id, const std::string& text) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    std::ostringstream line;
    line << '[' << ms << "] " << id.v << " > " << text;
    story.push_back(line.str());
  }

  void execute(NodeId id, const LogWrite& write) {
    try {
      members.at(id).disk.execute(write);
    } catch (const std::string& hole) {
      problem(hole, " on ", id.v);
    }
  }

  // The bytes of a snapshot are durable before its message is seen.
  void store_offer(Member* member, const Message& message) {
    const auto* offer = std::get_if<SnapshotOffer>(&message.body);
    if (offer != nullptr && offer->meta.index > member->disk.snapshot.index)
      member->disk.snapshot = offer->meta;
  }

  void step_checked(NodeId id, Input input, Output* out) {
    Core& core = *members.at(id).core;
    const Summary before = summarize(core.state());
    core.step(now, std::move(input), out);
    for (const std::string& line : violations(before, core.state())) problem(line, " on ", id.v);
    if (is_leader(core.state()) && (!before.leader || before.term != core.state().term)) check_new_leader(id);
  }

  void check_new_leader(NodeId id) {
    const State& s = state(id);
    const auto [at, first] = leaders.emplace(s.term, id);
    if (!first && at->second != id) problem("G1 ", id.v, " and ", at->second.v, " lead term ", s.term.v);
    const Index last = committed_last();
    if (last.v != 0 && s.log.snapshot().index < last && !s.log.matches(last, committed.at(last).term)) {
      problem("G5 leader ", id.v, " of term ", s.term.v, " lacks committed entry ", last.v);
    }
  }

  void take(NodeId id, Output out) {
    Member& member = members.at(id);
    for (const std::string& line : out.trace) say(id, line);
    if (!out.diverged.empty() && !member.garbled) problem("F3 ", id.v, ": ", out.diverged);
    for (LogWrite& write : out.write) member.writing.push_back(std::move(write));
    if (out.install) {
      ++installs;
      member.applied = out.install->index;
    }
    for (const Entry& entry : out.apply) apply(id, &member, entry);
    if (!out.apply.empty() && is_leader(state(id))) check_durable_on_quorum(id, out.apply.back());
    for (const ReadReady& read : out.reads) {
      ++reads_ready;
      say(id, "read " + std::to_string(read.tag) + " may be served at " + std::to_string(read.index.v));
      if (read.index < member.reads[read.tag]) problem("G7 stale read at ", read.index.v, " on ", id.v);
    }
    for (const ReadFailed& read : out.reads_failed) {
      ++reads_failed;
      say(id, "read " + std::to_string(read.tag) + " failed");
    }
    for (const Verdicts* verdicts : {&out.proposals, &out.own, &out.changes}) take(id, *verdicts);
    for (Message& message : out.send) {
      check_message(id, message);
      network.push_back(std::move(message));
    }
    if (out.install || member.applied > state(id).applied) {
      Output more;
      Applied applied{member.applied, forgets ? member.applied : Index{}, forget_keep_bytes};
      if (out.install) applied.hashes.push_back(loaded_hash(member));
      for (const Entry& entry : out.apply) applied.hashes.push_back(hash_after(entry.index, entry.term));
      step_checked(id, std::move(applied), &more);
    }
    if (out.snapshot_wanted) snapshot(id);
  }

  // What stands for the state is its last entry.
  static StateHash hash_after(Index index, Term term) { return {index, index.v * 31 + term.v}; }
  static StateHash loaded_hash(const Member& member) {
    StateHash hash = hash_after(member.disk.snapshot.index, member.disk.snapshot.term);
    hash.hash += member.garbled ? 1 : 0;
    return hash;
  }

  void take(NodeId id, const Verdicts& verdicts) {
    for (const Accepted& done : verdicts.accepted) {
      ++accepted;
      say(id, "accepted " + std::to_string(done.tag) + " as entry " + std::to_string(done.index.v));
    }
    for (const Refused& no : verdicts.refused)
      say(id, "refused " + std::to_string(no.tag) + ": " + reason(no.reason));
  }

  static const char* reason(Refusal refusal) {
    constexpr const char* kNames[] = {"not_leader", "transferring", "overloaded",
                                      "busy",       "invalid",      "no_space"};
    return kNames[static_cast<std::size_t>(refusal)];
  }

  void apply(NodeId id, Member* member, const Entry& entry) {
    if (entry.index != member->applied.next())
      problem("G4 ", id.v, " applies ", entry.index.v, " after ", member->applied.v);
    member->applied = entry.index;
    if (entry.type == EntryType::command)
      say(id, "applies " + std::to_string(entry.index.v) + " " + *entry.data);
    const auto [at, first] = committed.emplace(entry.index, entry);
    const bool same =
        at->second.term == entry.term && at->second.type == entry.type &&
        (at->second.data == entry.data || (at->second.data && entry.data && *at->second.data == *entry.data));
    if (!first && !same) problem("G4 ", id.v, " applies something else at ", entry.index.v);
  }

  void check_durable_on_quorum(NodeId id, const Entry& entry) {
    const std::uint64_t durable = quorum_value(state(id).log.members(), [&](NodeId voter) {
      const auto member = members.find(voter);
      if (member == members.end()) return std::uint64_t{0};
      // Who has forgotten may have acknowledged it before: it is one of the minority that may.
      const bool held = member->second.disk.holds(entry.index, entry.term) || member->second.forgot_once();
      return std::uint64_t{held};
    });
    if (durable == 0) problem("G6 leader ", id.v, " commits ", entry.index.v, " that no quorum has on disk");
  }

  void check_message(NodeId id, const Message& message) {
    const Disk& disk = members.at(id).disk;
    const auto* request = std::get_if<VoteRequest>(&message.body);
    const auto* reply = std::get_if<VoteReply>(&message.body);
    const bool pre = (request && request->pre) || (reply && reply->pre && reply->granted);
    if (!pre && message.term > disk.hard_state.term) problem("G3 ", id.v, " sends term ", message.term.v);
    if (reply && reply->granted && !reply->pre) {
      const auto [at, first] =
          votes_.emplace(std::tuple(id, message.term, message.life.incarnation), message.to);
      if (!first && at->second != message.to) problem("G2 ", id.v, " votes twice in term ", message.term.v);
    }
    const auto* append = std::get_if<AppendReply>(&message.body);
    if (append && append->ok && append->match > std::max(disk.last(), disk.snapshot.index)) {
      problem("G3 ", id.v, " acknowledges ", append->match.v, " with ", disk.last().v, " on disk");
    }
  }

  Config prototype_;
  std::map<std::tuple<NodeId, Term, Incarnation>, NodeId> votes_;
  std::uint64_t starts_ = 0;
};

}  // namespace cairn::raft::testing
