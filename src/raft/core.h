// Core: the Raft state machine. Deterministic: the same Config, Recovered and sequence of (now, Input) give
// the same Outputs, byte for byte. Pure: no I/O, clock, thread, log sink or random device. Owner: node::Node
// (or any embedder). Threading: none of its own; one caller at a time. Errors: none. Impossible states abort
// (CHECK); what a peer or client may do wrong is refused or ignored.
//
// Durability: the core itself holds back every message that promises something durable (a vote, an append
// acknowledgement) and its own share of a commit quorum until the LogWrite it depends on is reported
// Persisted by number. So between the lists of an Output there is no order to respect, except: install before
// apply.
//
// Turns: log writes, append requests and read rounds are gathered until the driver ends its turn with Flush
// (or Tick, which ends a turn too). So any number of proposals, acknowledgements and reads handled in one
// turn cost one LogWrite and, per follower, one AppendRequest. Everything else (refusals, entries to apply,
// released promises) leaves at once. A driver that forgets Flush loses time until the next Tick, never
// safety.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "raft/log_write.h"
#include "raft/met.h"
#include "raft/types.h"

namespace cairn::raft {

// ---- inputs ----
struct Tick {};   // time has passed: timers that are due fire; also ends the turn as Flush does
struct Flush {};  // the driver's turn ends: what was gathered goes out
struct Received {
  Message message;
};
struct Propose {  // becomes one entry
  std::uint64_t tag = 0;
  Bytes data;
  bool frees = false;  // makes room in the end: taken even when the disks are nearly full
};
struct ProposeOwn {  // the driver's own, decided while this member led in `term`: an entry of that term, or
                     // refused
  std::uint64_t tag = 0;
  Term term;
  Bytes data;
  bool frees = false;  // as of Propose
};
struct ReadBarrier {  // a linearizable read wants to know from which applied index on it may be served
  std::uint64_t tag = 0;
};
struct AbandonReads {  // nobody waits for these barriers any more; the core lets none expire by itself
  std::vector<std::uint64_t> tags;  // ascending
};
struct ChangeMembers {  // one step to `voters` and `learners`; joint when more than one voter changes
  std::uint64_t tag = 0;
  std::vector<NodeId> voters, learners;
  std::vector<About> about{};  // of whom something new is to be said
};
struct TransferLeadership {
  NodeId to;  // 0: the most up-to-date voter
};
struct Persisted {  // this write and all before it are durable; also sent again when the room changes
  WriteSeq seq;
  Room room{};  // after it
};
struct Applied {
  Index index;
  // The log up to here may leave memory, but for keep_bytes of it and for what a follower that answers still
  // lacks; on disk it stays until a snapshot covers it. Not beyond a snapshot that is being saved. 0:
  // nothing.
  Index forget;
  std::size_t keep_bytes = 0;
  std::vector<StateHash> hashes{};  // of the entries applied since the last time; compared with the leader's
};
struct SnapshotSaved {  // an own snapshot is durable and verified: the log before it may go
  SnapshotMeta meta;
};
struct SnapshotSent {  // the bytes of a snapshot reached `to` (or did not)
  NodeId to;
  bool ok = false;
  std::string
      refused{};  // not empty: what `to` has against it, in its words; it will not be different at once
};
struct SnapshotNotTaken {};  // the disk here has no room for the one that a leader sends
struct Unreachable {         // messages to the peer are being lost: probe instead of pipelining
  NodeId peer;
};
struct ConnectionLost {  // the peer's process closed its connection: if it led, ask for a pre-vote soon
  NodeId peer;
};
// The driver comes long after deadline(): it was paused or busy. This member has heard nobody meanwhile,
// which says nothing of the others; what they have sent lies there, and is read before anything is made of
// it.
struct Returned {};
using Input = std::variant<Tick, Returned, Received, Propose, ProposeOwn, ReadBarrier, AbandonReads,
                           ChangeMembers, TransferLeadership, Persisted, Applied, SnapshotSaved, SnapshotSent,
                           SnapshotNotTaken, Unreachable, ConnectionLost, Flush>;

// ---- outputs ----
struct Accepted {  // the proposal is the entry (term, index); another term applied at that index = surely
                   // dropped
  std::uint64_t tag = 0;
  Term term;
  Index index;
};
enum class Refusal : std::uint8_t { not_leader, transferring, overloaded, busy, invalid, no_space };
struct Refused {  // surely not in the log
  std::uint64_t tag = 0;
  Refusal reason = Refusal::not_leader;
  NodeId leader;
};
// Of one kind of input, so that the tags of no two kinds meet.
struct Verdicts {
  std::vector<Accepted> accepted;
  std::vector<Refused> refused;
  bool empty() const { return accepted.empty() && refused.empty(); }
};
struct ReadReady {  // serve once applied >= index
  std::uint64_t tag = 0;
  Index index;
};
struct ReadFailed {  // leadership was lost, there is no leader, or it has too many: try again later
  std::uint64_t tag = 0;
};
// Nothing was changed by what it said. Who is in none of the configurations that count here has said what
// cannot be true of this cluster: its connection is to be closed. Or a member's data is of another founding.
struct Disbelieved {
  NodeId who;
  std::string why;
};
struct Output {
  std::vector<Message> send;
  std::vector<LogWrite> write;
  std::vector<Entry> apply;  // committed, in log order, each once
  Verdicts proposals;        // Propose
  Verdicts own;              // ProposeOwn
  Verdicts changes;          // ChangeMembers
  std::vector<ReadReady> reads;
  std::vector<ReadFailed> reads_failed;
  // Not empty: these configurations count from here on, oldest first. The last one is in force; those before
  // it would be again if what is not committed yet is lost. Members of any of them may have something to say.
  // Part of the first output of all, and said again rather than left out.
  std::vector<Configuration> configurations;
  bool snapshot_wanted = false;  // a follower needs more than memory holds: save one now -> SnapshotSaved
  std::optional<SnapshotMeta> install;  // replace the state machine by this durable snapshot, before applying
  std::string forgot;                   // not empty: why this member has a new incarnation, not full
  std::string diverged;  // not empty: this member's log or state is not what the others have; it must stop,
                         // put all it has aside, and start again with nothing, not full
  std::vector<Disbelieved> disbelieved;
  std::vector<std::string> trace;  // what happened and why; filled only when Config::trace is set
};

struct Config {
  NodeId id;
  std::uint64_t seed = 0;  // the jitter of election timeouts comes from here and from nowhere else
  Duration election_timeout =
      std::chrono::milliseconds(1000);  // randomized in [1, 2) x this; the first one is shorter
  Duration heartbeat_interval = std::chrono::milliseconds(100);
  std::size_t append_bytes_max = std::size_t{1} << 20;     // of one AppendRequest
  std::size_t inflight_bytes_max = std::size_t{16} << 20;  // unacknowledged, per follower
  std::size_t inflight_count_max = 256;
  std::size_t uncommitted_bytes_max = std::size_t{64} << 20;  // proposals beyond are refused as overloaded
  // Of the log behind a new snapshot: kept for any follower; and for one that answers and lacks no more.
  std::size_t log_keep_bytes = std::size_t{16} << 20;
  std::size_t log_keep_lagging_bytes = std::size_t{64} << 20;
  // Of a log without room, kept for the first entries of new leaders; and what a write takes beyond its
  // entries.
  std::size_t election_reserve_bytes = std::size_t{1} << 20;
  std::size_t write_overhead_bytes = std::size_t{8} << 10;
  // A leader that commits nothing while a voter does not answer lets another try after four election
  // timeouts, doubled with each time in a row, up to this.
  Duration stuck_wait_max = std::chrono::seconds(60);
  // A member that cannot take a snapshot is offered the next one after a heartbeat interval, doubled with
  // each refusal in a row, up to this.
  Duration snapshot_refused_wait_max = std::chrono::seconds(10);
  std::size_t about_bytes_max = std::size_t{64} << 10;  // said of one member; a change with more is invalid
  // Read barriers that other members ask of a leader; beyond, they fail. Own ones the driver bounds.
  std::size_t forwarded_reads_max = 100000;
  std::size_t heard_max = 64;  // senders who are no members, and whose lives are remembered
  MetLimits met{};             // members, whose starts are remembered
  // Who is in no configuration here is heard only once no leader that is in one has been, for so many
  // election timeouts: docs/adr/0030.
  int strangers_after_timeouts = 3;
  // A member that is not full, and further than this ahead of the term of one that is, was lied to: no
  // cluster elects that often while a message is under way.
  std::uint64_t terms_ahead_max = std::uint64_t{1} << 20;
  std::size_t state_hashes_max = 4096;  // own ones kept to compare with the leader's
  // Of an entry's data, for the chain over the log; null: logs are compared by index and term alone.
  std::uint64_t (*hash)(std::string_view data) = nullptr;
  // A new cluster is formed as soon as a majority of its initial members is there, instead of all of them.
  // Should one of the others have been a member of an earlier cluster of the same name, there are two then.
  bool form_with_majority = false;
  bool trace = false;
};

// What survived on disk. A first start has a snapshot at index 0, term 0 with the initial members; of a
// member that joins later they may be empty: it learns them from the log, whose first entry carries them, or
// from a snapshot.
struct Recovered {
  HardState hard_state;
  SnapshotMeta snapshot;
  std::vector<Entry> entries;  // contiguous, from any index <= snapshot.index + 1
};

struct State;  // raft/state.h: every field, readable by status, tests and invariants

class Core {
 public:
  Core(const Config& config, Recovered recovered, Time now);
  ~Core();
  Core(Core&&) noexcept;
  Core& operator=(Core&&) noexcept;

  void step(Time now, Input input, Output* out);  // appends to *out, so that inputs batch naturally
  Time deadline() const;                          // call step(Tick) no later than this
  const State& state() const;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace cairn::raft
