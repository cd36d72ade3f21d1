// What clients ask of a member, and who is answered. api/ speaks to this, to member.h and status.h, and to
// nothing deeper. Threading: each responder belongs to the thread that asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "mvcc/caller.h"
#include "mvcc/command_kind.h"
#include "mvcc/lease_info.h"
#include "mvcc/outcome.h"

namespace cairn::mvcc {
class View;
}

namespace cairn::node {

using mvcc::CommandKind;

// Answered exactly once, on the thread that asked. Destroyed unanswered (shutdown) means: outcome unknown.
struct WriteResponder {
  virtual ~WriteResponder() = default;
  virtual void done(mvcc::Outcome outcome) = 0;
};

struct ClientWrite {
  CommandKind kind = CommandKind::put;
  std::string request;          // the client's serialized protobuf message, already validated
  std::string idempotency_key;  // empty: none
  Time deadline;                // afterwards the outcome is reported as unknown
  std::unique_ptr<WriteResponder> responder;
  Time leader_deadline = Time::max();  // refused then ("no leader") if no leader has taken it
  // The store had reached it before the key was used for the first time: tells a forgotten key from a new
  // one.
  std::int64_t idempotency_revision = 0;  // 0: the client does not say
  mvcc::OwnedCaller caller{};             // goes into the log with the command, and is asked for at apply
  // A transaction or deletion that would read or answer more is refused, and changes nothing; 0: no bound.
  std::uint64_t answer_bytes_max = 0;
  mvcc::LeaseChoice lease{};  // what is chosen here of the lease that it grants
};

// Answered exactly once, on the thread that asked.
struct ReadResponder {
  virtual ~ReadResponder() = default;
  virtual void ready(const mvcc::View& view) = 0;  // read here and now, or share it
  virtual void failed(Error error) = 0;
};

struct ClientRead {
  bool serializable = false;  // local, when the turn ends, possibly behind
  Time deadline;
  std::unique_ptr<ReadResponder> responder;  // who knows the caller: what it may read, the view says
};

// Another member is to lead. Asked of the leader; answered as a write once that one does.
struct MoveLeader {
  std::uint64_t to = 0;
  Time deadline;
  std::unique_ptr<WriteResponder> responder;
};

// What only who leads knows of a lease: its time. The numbers are those of questions among members.
enum class LeaseCallKind : std::uint32_t {
  keep_alive = 1,    // it is to last for all of its TTL from now on
  time_to_live = 2,  // how much of it is left?
};

struct LeaseTime {
  // keep_alive: the TTL, 0 if there is no such lease. time_to_live: what is left, -1 if there is none.
  std::int64_t left_s = 0;
  std::int64_t granted_s = 0;
  std::int64_t revision = 0;  // of the leader's store
};

// Answered exactly once, on the thread that asked. Destroyed unanswered: the member stops.
struct LeaseResponder {
  virtual ~LeaseResponder() = default;
  virtual void done(const LeaseTime& time) = 0;
  virtual void failed(Error error) = 0;
};

struct LeaseCall {
  LeaseCallKind kind = LeaseCallKind::keep_alive;
  std::int64_t id = 0;
  Time deadline;
  std::unique_ptr<LeaseResponder> responder;
};

}  // namespace cairn::node
