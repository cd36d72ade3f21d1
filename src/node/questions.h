// Questions: what this member asks of the leader beside writes and reads, and what it answers as the leader.
// A question is sent once, to the leader of one term. Whoever asks is told that leader's answer, or why there
// is none, and by that whether it may have been done all the same. An answer of another member or term, or to
// a question of an earlier life, is ignored: ids are never used again. Where this member leads it asks
// itself. Owner: Node. Bounded by QuestionLimits, on both sides.
#pragma once

#include <map>
#include <vector>

#include "node/command_codec.h"
#include "node/ports.h"
#include "node/question.h"
#include "node/standing.h"

namespace cairn::node {

class Questions final : AnswerPort {
 public:
  Questions(std::uint64_t first_id, const QuestionLimits& limits, Transport& transport)
      : limits_(limits), transport_(transport), last_id_(first_id) {}

  // ---- asking ----
  void ask(LeaderQuestion question, const Standing& standing);
  void received(raft::NodeId from, Answer answer);
  void expire(Time now);                    // what nobody has answered in time
  void end_turn(const Standing& standing);  // tells whoever asked
  std::size_t pending() const { return asked_.size(); }
  bool wants_turn() const { return !telling_.empty(); }

  // ---- answering ----
  void answer_with(QuestionKind kind, QuestionHandler handler);  // one a kind
  void received(raft::NodeId from, const Question& question, const Standing& standing);

 private:
  struct Asked {
    raft::NodeId leader;
    raft::Term term;
    Time deadline;
    std::size_t size_bytes = 0;
    std::function<void(QuestionOutcome)> done;
  };
  struct Told {
    std::function<void(QuestionOutcome)> done;
    QuestionOutcome outcome;
  };

  std::optional<NoAnswer> why_not(std::size_t bytes, const Standing& standing) const;
  void finish(std::map<std::uint64_t, Asked>::iterator at, QuestionOutcome outcome);
  void answer(const AnswerPort::Asked& asked, std::optional<std::string> body) override;
  void send(raft::NodeId to, const Answer& answer);

  const QuestionLimits limits_;
  Transport& transport_;
  std::uint64_t last_id_;
  std::map<std::uint64_t, Asked> asked_;
  std::size_t asked_bytes_ = 0;
  std::vector<Told> telling_;  // when the turn ends
  raft::Term term_seen_;       // of the last turn
  raft::NodeId self_;          // as it was asked

  std::map<QuestionKind, QuestionHandler> handlers_;
  std::size_t in_hand_ = 0;
};

}  // namespace cairn::node
