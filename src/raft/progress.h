// Progress: what a leader knows of one other member's log, and how fast it may send to it.
//
//            refusal, lost messages                     needs what the log no longer has
//   replicate ----------------------> probe <--------- snapshot <-------------------------- (probe)
//      ^                                |   sent, or caught up
//      +--------------------------------+
//            first acknowledgement
//
// probe: where the logs part is not known; one request at a time, a new one only after a reply or a heartbeat
// interval. replicate: requests are pipelined, as far as the in-flight limits go; next runs ahead of match.
// snapshot: nothing is sent but heartbeats until the driver reports the transfer's end.
// A peer is behind, in whatever mode, as long as it has not acknowledged a mark: the end of our log some
// heartbeats ago.
// Owner: Leader. Invariants: C3 (match < next; match never decreases, but with a new incarnation).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::raft {

class Progress {
 public:
  enum class Mode : std::uint8_t { probe, replicate, snapshot };

  Progress(NodeId peer, Index first_guess, Time now)
      : id(peer), next(first_guess), last_contact(now), last_full_contact(now) {}

  // It has answered as `life`. True when that is another incarnation than before: it knows nothing of what
  // the former one acknowledged, so all begins anew, at first_guess.
  bool heard(const Life& life, Index first_guess, Time now);

  void become_probe(Index from);
  void become_snapshot(Index index);
  // An acknowledgement. True when it says something new.
  bool acknowledge(Index matched);
  // A refusal of `refused`, with the index up to which the logs might agree. False: it is late news, ignored.
  bool refuse(Index refused, Index might_match);
  void sent(Index last, std::size_t size_bytes);

  bool may_send(std::size_t count_max, std::size_t bytes_max) const;

  // It cannot take a snapshot; the next one is offered later, and with each refusal in a row later still.
  void refuse_snapshot(std::string why, Time now, Duration wait, Duration wait_max);
  void mark(Index last, Time now);  // at each heartbeat: the end of our log
  // What is known of it may not be so any more: its connection was lost, or another start of it speaks.
  void doubt() { current = false; }

  NodeId id;
  Mode mode = Mode::probe;
  Index match;  // durable at the peer and equal to our log
  Index next;   // the first entry of the next request
  Index commit_sent;
  Index snapshot_index;  // being transferred
  bool probe_sent = false;
  bool heartbeat_due = false;  // something goes out at the end of this turn, entries or not
  std::uint64_t acked_round = 0;
  Time last_contact;
  Incarnation incarnation;  // 0: not heard yet
  bool full = false;        // F1: who is not counts for nothing
  bool current = false;    // it has answered since it was doubted: what is known is not of an earlier process
  Time last_full_contact;  // when it was last heard of while it counted
  Space space = Space::plenty;
  std::string refusal;             // of the last snapshot; empty: it has moved since, or none was refused
  std::uint32_t refusals = 0;      // in a row
  Time offer_at;                   // no snapshot before
  std::optional<Time> had_all_at;  // the latest mark that it has acknowledged; null: none of this leadership

  std::size_t inflight_count() const { return inflight_.size(); }
  std::size_t inflight_bytes() const { return inflight_bytes_; }
  // When the newest request in flight was sent.
  std::size_t inflight_bytes_before() const {
    return inflight_.empty() ? 0 : inflight_bytes_ - inflight_.back().bytes;
  }

 private:
  void clear_inflight();
  void check_mark();

  Index mark_;
  Time marked_at_;
  struct Inflight {
    Index last;
    std::size_t bytes;
  };
  std::deque<Inflight> inflight_;
  std::size_t inflight_bytes_ = 0;
};

}  // namespace cairn::raft
