#include "node/questions.h"

#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/reached.h"

namespace cairn::node {

std::optional<NoAnswer> Questions::why_not(std::size_t bytes, const Standing& standing) const {
  if (!standing.is_led()) return NoAnswer::no_leader;
  if (bytes > limits_.body_bytes) return NoAnswer::too_large;
  const bool is_full =
      asked_.size() >= limits_.count || (!asked_.empty() && asked_bytes_ + bytes > limits_.bytes);
  return is_full ? std::optional(NoAnswer::too_many) : std::nullopt;
}

void Questions::ask(LeaderQuestion question, const Standing& standing) {
  const std::size_t size = question.body.size();
  if (const auto why = why_not(size, standing))
    return telling_.push_back({std::move(question.done), {why, {}}});
  const std::uint64_t id = ++last_id_;
  asked_bytes_ += size;
  asked_[id] = {standing.leader, standing.term, question.deadline, size, std::move(question.done)};
  const Question sent{id, standing.term, question.kind, question.body};
  if (standing.leads()) return received(standing.self, sent, standing);
  if (!transport_.send_note(standing.leader, question_note(sent)))
    finish(asked_.find(id), {NoAnswer::too_many, {}});
}

void Questions::received(raft::NodeId from, Answer answer) {
  const auto found = asked_.find(answer.id);
  if (found == asked_.end() || found->second.leader != from || found->second.term != answer.term)
    return REACHED("node.question.strange_answer");
  finish(found, {answer.refusal, std::move(answer.body)});
}

void Questions::finish(std::map<std::uint64_t, Asked>::iterator at, QuestionOutcome outcome) {
  asked_bytes_ -= at->second.size_bytes;
  telling_.push_back({std::move(at->second.done), std::move(outcome)});
  asked_.erase(at);
}

void Questions::expire(Time now) {
  for (auto at = asked_.begin(); at != asked_.end();) {
    const auto next = std::next(at);
    if (at->second.deadline <= now) finish(at, {NoAnswer::timed_out, {}});
    at = next;
  }
}

void Questions::end_turn(const Standing& standing) {
  if (std::exchange(term_seen_, standing.term) != standing.term) {
    for (auto at = asked_.begin(); at != asked_.end();) {
      const auto next = std::next(at);
      if (at->second.term != standing.term) finish(at, {NoAnswer::leader_lost, {}});
      at = next;
    }
  }
  // Who is told may ask again.
  for (Told& told : std::exchange(telling_, {})) told.done(std::move(told.outcome));
}

void Questions::answer_with(QuestionKind kind, QuestionHandler handler) {
  CHECK(handler != nullptr && handlers_.emplace(kind, std::move(handler)).second);
}

void Questions::received(raft::NodeId from, const Question& question, const Standing& standing) {
  self_ = standing.self;
  const auto handler = handlers_.find(question.kind);
  std::optional<NoAnswer> refusal;
  if (!standing.leads() || question.term != standing.term) {
    REACHED("node.question.not_leader");
    refusal = NoAnswer::not_leader;
  } else if (in_hand_ >= limits_.in_hand_count) {
    refusal = NoAnswer::too_many;
  } else if (handler == handlers_.end()) {
    refusal = NoAnswer::unknown_kind;
  }
  if (refusal) return send(from, {question.id, question.term, refusal, {}});
  ++in_hand_;
  handler->second(question.body, Reply(*this, {from, question.term, question.id}));
}

void Questions::answer(const AnswerPort::Asked& asked, std::optional<std::string> body) {
  CHECK(in_hand_ > 0);
  --in_hand_;
  if (!body) return;
  CHECK(body->size() <= limits_.body_bytes);
  send(asked.from, {asked.id, asked.term, std::nullopt, *std::move(body)});
}

void Questions::send(raft::NodeId to, const Answer& answer) {
  if (to == self_) return received(to, answer);
  // Without room for it the asker's time runs out: it may have been done, and that is what it hears then.
  static_cast<void>(transport_.send_note(to, answer_note(answer)));
}

}  // namespace cairn::node
