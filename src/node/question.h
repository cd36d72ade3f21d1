// What a member asks of the leader, beside writes and reads, and how it is answered: see questions.h for who
// carries it. The body's meaning goes with the kind.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::node {

using QuestionKind = std::uint32_t;  // part of the protocol among members

enum class NoAnswer : std::uint8_t {
  // ---- surely nothing was done ----
  no_leader,
  not_leader,    // who was asked did not lead in that term
  too_many,      // here, or in the leader's hands
  too_large,     // its body
  unknown_kind,  // to the leader, which may be of another version
  // ---- it may have been done ----
  timed_out,
  leader_lost,  // another term has begun
};
inline bool may_have_been_done(NoAnswer why) { return why >= NoAnswer::timed_out; }

struct QuestionLimits {
  std::size_t count = 1024;                       // asked and not answered
  std::size_t bytes = std::size_t{16} << 20;      // of their bodies; a single one always fits
  std::size_t in_hand_count = 4096;               // of all members: taken as the leader, and not answered
  std::size_t body_bytes = std::size_t{1} << 20;  // of one body, asked or answered
};

struct QuestionOutcome {
  std::optional<NoAnswer> refusal;  // none: answered
  std::string body;
};

struct LeaderQuestion {
  QuestionKind kind = 0;
  std::string body;
  Time deadline;
  // Called once, never from within the call that asks; or destroyed uncalled, with the Node.
  std::function<void(QuestionOutcome)> done;
};

// Where answers go. Implemented by Questions.
struct AnswerPort {
  struct Asked {
    raft::NodeId from;  // who asks
    raft::Term term;    // of the leader that was asked
    std::uint64_t id = 0;
  };
  virtual ~AnswerPort() = default;
  virtual void answer(const Asked& asked, std::optional<std::string> body) = 0;  // none: there is no answer
};

// One question in the hands of a leader: answered at most once, now or later, as long as the Node lives.
// Dropped without an answer, it leaves the asker to its deadline.
class Reply {
 public:
  Reply(AnswerPort& port, const AnswerPort::Asked& asked) : port_(&port), asked_(asked) {}
  Reply(Reply&& other) noexcept : port_(std::exchange(other.port_, nullptr)), asked_(other.asked_) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply() { finish(std::nullopt); }

  raft::NodeId asker() const { return asked_.from; }
  raft::Term term() const { return asked_.term; }  // in which this member led when it was asked
  void answer(std::string body) { finish(std::move(body)); }

 private:
  void finish(std::optional<std::string> body) {
    if (AnswerPort* const port = std::exchange(port_, nullptr)) port->answer(asked_, std::move(body));
  }

  AnswerPort* port_;  // null: answered, or moved from
  AnswerPort::Asked asked_;
};

// Called with the body, valid for the call, at a member that leads.
using QuestionHandler = std::function<void(std::string_view body, Reply reply)>;

}  // namespace cairn::node
