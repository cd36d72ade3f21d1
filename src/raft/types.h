// The vocabulary of Raft: terms, indexes, entries, members and the messages between members.
// Names follow the Raft thesis (Ongaro 2014) and etcd: see docs/GLOSSARY.md. Plain values, no behaviour.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"

namespace cairn::raft {

using Term = Strong<struct TermTag>;
using Index = Strong<struct IndexTag>;
using NodeId = Strong<struct NodeTag>;     // 0 means nobody
using WriteSeq = Strong<struct WriteTag>;  // numbers durable writes, so that completions are unambiguous
// Drawn at random for a data directory, and anew whenever that has lost memory: a member whose incarnation
// changed is not who it was, although its id is the same (docs/adr/0013-members-that-forget.md). 0: not
// known.
using Incarnation = Strong<struct IncarnationTag>;

enum class EntryType : std::uint8_t { noop = 0, command = 1, members = 2 };

struct Entry {
  Term term;
  Index index;
  EntryType type = EntryType::noop;
  Bytes data;  // null when empty
};

// Whose memory speaks. Durable before the first message, and part of every one.
struct Life {
  Incarnation incarnation;
  std::uint64_t start =
      0;  // counts the starts of this incarnation: an older copy of the directory is told by it
  // Remembers all that it has ever promised. Who does not is full again once a record of its incarnation is
  // in its log and committed; until then it gives no vote, does not stand, and counts for nothing (F1).
  bool full = true;
  std::uint32_t recorded = 0;  // the number of the record by which it is full: Recorded::number
  // Which founding of the cluster what it remembers goes back to (Members::founded); 0: it has not seen
  // that committed yet.
  std::uint64_t founded = 0;
  bool operator==(const Life&) const = default;
};

// The latest start that was met of one incarnation of another member.
struct Met {
  NodeId id;
  Incarnation incarnation;
  std::uint64_t start = 0;
  bool operator==(const Met&) const = default;
};

struct HardState {
  Term term;
  NodeId vote;
  Incarnation vote_incarnation{};  // of the candidate, when it got the vote
  Life life{};
  std::vector<Met> met{};               // in the order of meeting: raft/met.h
  std::vector<std::uint64_t> starts{};  // this incarnation's, the latest ones, up to life.start
  // Not full because something was lost, rather than because it is new: it may have been in a cluster that
  // goes on, and founds none beside that one.
  bool has_forgotten = false;
  bool operator==(const HardState&) const = default;
};

// The incarnation of a member that the cluster counts on. founding: listed when the cluster was formed.
struct Recorded {
  NodeId id;
  Incarnation incarnation;
  bool founding = false;
  std::uint32_t number = 0;  // of this member's records, from 0: a later one says that earlier lives are over
  bool operator==(const Recorded&) const = default;
};

// What the driver says of a member: its name and addresses, say. Opaque here. It travels with the
// configuration, so that whoever has that can reach everybody in it.
struct About {
  NodeId id;
  std::string text;
  bool operator==(const About&) const = default;
};

// A configuration. Every list is sorted and without duplicates. voters_old is empty unless the configuration
// is joint (thesis 4.3); then a decision needs a majority of voters and one of voters_old. learners_next:
// voters of the old half that become learners once the joint phase is left.
struct Members {
  std::vector<NodeId> voters;
  std::vector<NodeId> voters_old;
  std::vector<NodeId> learners;
  std::vector<NodeId> learners_next;
  bool auto_leave = false;  // the leader leaves the joint configuration by itself once it is applied
  std::vector<Recorded> incarnations{};  // sorted by id; a new one counts once its entry is committed
  std::vector<About> about{};            // sorted by id; of members alone, and not of all, perhaps
  // Follows from who was on the ballot that formed the cluster: another founding of a cluster of the same
  // name, by the same members, is another one. 0: nobody noted it.
  std::uint64_t founded = 0;
  bool operator==(const Members&) const = default;
};

// The place of an entry in a log. Of two configurations that stand in logs the one at the greater place is
// the newer one: once a configuration is committed, every log with a greater place has it (thesis 3.6.3).
struct Position {
  Term term;
  Index index;
  auto operator<=>(const Position&) const = default;
};

// A configuration as of a place in the log: there it stands, or it was in force there. 0, 0: the initial one.
struct Configuration {
  Position at;
  Members members;
  bool operator==(const Configuration&) const = default;
};

struct SnapshotMeta {
  Index index;
  Term term;
  Members members;
  std::uint64_t chain = 0;  // over all entries up to index; 0: not known
  bool operator==(const SnapshotMeta&) const = default;
};

struct StateHash {  // of the state machine after this entry
  Index index;
  std::uint64_t hash = 0;
};

// One struct per message; Message below carries the common header.
struct VoteRequest {
  bool pre = false;       // pre-vote: asks without changing anybody's term (thesis 9.6)
  bool transfer = false;  // the leader asked for this election: ignore leader stickiness (thesis 3.10)
  Index last_index;
  Term last_term;
  bool form = false;  // a formation: the first election of a cluster's life, among members without a log
  // form: the incarnations that are to found the cluster (of a pre-vote, those known so far). Else: those
  // that the candidate's log says founded it. Sorted by id.
  std::vector<Recorded> ballot{};
};
struct VoteReply {
  bool pre = false;
  bool granted = false;
};
// Also the heartbeat (no entries). read_round confirms leadership for linearizable reads (thesis 6.4): the
// reply repeats it, and a round number is never used twice.
struct AppendRequest {
  Index prev_index;
  Term prev_term;
  Index commit;
  std::uint64_t read_round = 0;
  std::vector<Entry> entries;
  std::uint64_t prev_chain = 0;  // of the entry at prev_index; 0: not known
  Index acknowledged{};  // what the receiver, in the incarnation addressed, has acknowledged in this term
  Index state_index{};   // a majority's state had state_hash there; 0: not said
  std::uint64_t state_hash = 0;
  Index state_asked{};  // the receiver is asked for its own at this index; 0: for none
};
// What a member's disk still gives its log. low: no more than is set aside for what makes room (deletes,
// compaction) and for elections. none: the latter only.
enum class Space : std::uint8_t { plenty = 0, low = 1, none = 2 };
struct AppendReply {
  bool ok = false;
  Index match;     // ok: everything up to here is durable at the sender and equals the leader's log
                   // !ok: the prev_index that was refused, so that the leader can tell a late refusal from a
                   // fresh one
  Index hint;      // !ok: the leader's next guess need not lie above this index...
  Term hint_term;  // ...whose entry at the sender has this term
  std::uint64_t read_round = 0;
  Index state_index{};  // what was asked for, if it is known; else 0
  std::uint64_t state_hash = 0;
  Space space = Space::plenty;  // none: entries may have been left out, whatever was sent
};
// Travels with the snapshot's bytes on its own connection; the receiver's core sees it only once they are
// durable.
struct SnapshotOffer {
  SnapshotMeta meta;
};
struct SnapshotReply {
  Index index;
  bool ok = false;
};
struct TimeoutNow {};  // leadership transfer: campaign at once (thesis 3.10)
// A follower asks the leader for a read index on behalf of its own clients; `id` is fresh per attempt.
struct ReadIndexRequest {
  std::uint64_t id = 0;
};
struct ReadIndexReply {
  std::uint64_t id = 0;
  bool ok = false;
  Index index;
};
// The sender's start is news, or the receiver is not known to remember it. A later start than the one that
// was met is believed nothing before this, which tells that it follows that one.
struct Started {
  std::uint64_t follows = 0;  // a start that the sender's directory was in before; 0: none
};
// The latest start of the receiver's incarnation that the sender remembers. It is durable if it is the one
// that the receiver is in; if it is one that the receiver never was in, that was rolled back.
struct StartSeen {
  Incarnation incarnation;
  std::uint64_t start = 0;
  // To one that is not full: the sender's own start, and those of the others that it has met. The receiver
  // may have known them before it forgot. Empty: from one that is not full itself.
  std::vector<Met> met{};
};

using Body = std::variant<VoteRequest, VoteReply, AppendRequest, AppendReply, SnapshotOffer, SnapshotReply,
                          TimeoutNow, ReadIndexRequest, ReadIndexReply, StartSeen, Started>;

struct Message {
  NodeId from, to;
  Term term;
  Body body;
  Life life{};                   // the sender's
  Incarnation to_incarnation{};  // of the receiver, as the sender knows it; 0: not known. A reply's must fit
};

}  // namespace cairn::raft
