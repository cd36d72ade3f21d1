#include "sim/linearizability.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace cairn::sim {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct Event {
  std::int64_t time = 0;
  bool is_call = false;
  std::size_t operation = 0;
  std::size_t previous = kNone, next = kNone;  // neighbours that are not linearized
  std::size_t match = kNone;                   // of a call: its return
};

// The events in order of time, as a doubly linked list from which a linearized operation is lifted.
class Timeline {
 public:
  explicit Timeline(const std::vector<Span>& spans) {
    events_.push_back(Event{});  // the head, which is never lifted
    for (std::size_t i = 0; i < spans.size(); ++i) {
      CHECK(spans[i].call <= spans[i].answered);
      events_.push_back(Event{spans[i].call, true, i});
      events_.push_back(Event{spans[i].answered, false, i});
    }
    // At equal times calls come first: touching operations are concurrent, which accuses nobody wrongly.
    std::sort(events_.begin() + 1, events_.end(), [](const Event& a, const Event& b) {
      if (a.time != b.time) return a.time < b.time;
      if (a.is_call != b.is_call) return a.is_call;
      return a.operation < b.operation;
    });
    std::vector<std::size_t> calls(spans.size(), kNone);
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].previous = i == 0 ? kNone : i - 1;
      events_[i].next = i + 1 == events_.size() ? kNone : i + 1;
      if (i == 0) continue;
      if (events_[i].is_call) {
        calls[events_[i].operation] = i;
      } else {
        events_[calls[events_[i].operation]].match = i;
      }
    }
  }

  std::size_t first() const { return events_[0].next; }
  const Event& at(std::size_t i) const { return events_[i]; }

  void lift(std::size_t call) {
    unlink(call);
    unlink(events_[call].match);
  }
  void unlift(std::size_t call) {  // exactly in the reverse order of lift()
    relink(events_[call].match);
    relink(call);
  }

 private:
  void unlink(std::size_t i) {
    events_[events_[i].previous].next = events_[i].next;
    if (events_[i].next != kNone) events_[events_[i].next].previous = events_[i].previous;
  }
  void relink(std::size_t i) {
    events_[events_[i].previous].next = i;
    if (events_[i].next != kNone) events_[events_[i].next].previous = i;
  }

  std::vector<Event> events_;
};

// The set of linearized operations.
class Bits {
 public:
  explicit Bits(std::size_t count) : words_((count + 63) / 64) {}
  void flip(std::size_t i) { words_[i / 64] ^= std::uint64_t{1} << (i % 64); }
  bool operator==(const Bits&) const = default;
  std::uint64_t hash() const {
    std::uint64_t value = 0x9e3779b97f4a7c15U;
    for (const std::uint64_t word : words_) value = (value ^ word) * 0xff51afd7ed558ccdU + (value >> 29);
    return value;
  }

 private:
  std::vector<std::uint64_t> words_;
};

class Search {
 public:
  Search(const std::vector<Span>& spans, const Model& model, std::uint64_t steps_max)
      : model_(model),
        steps_max_(steps_max),
        timeline_(spans),
        linearized_(spans.size()),
        state_(model.initial()) {
    for (const Span& span : spans) open_ += span.answered == Span::kNever ? 0U : 1U;
  }

  Linearization run() {
    std::size_t here = timeline_.first();
    // Operations without an answer need not happen: done once every answered one is linearized.
    while (open_ > 0) {
      if (here != kNone && timeline_.at(here).is_call) {
        if (result_.steps++ >= steps_max_) return std::move(result_);
        here = advance(here) ? timeline_.first() : timeline_.at(here).next;
        continue;
      }
      // A return that is not linearized yet: the choices made so far cannot be completed.
      if (stack_.empty()) {
        result_.verdict = Verdict::violated;
        return std::move(result_);
      }
      here = timeline_.at(undo()).next;
    }
    result_.verdict = Verdict::linearizable;
    result_.longest = order();
    return std::move(result_);
  }

 private:
  struct Choice {
    std::size_t call;
    std::string state_before;
  };

  bool advance(std::size_t call) {
    const std::size_t operation = timeline_.at(call).operation;
    std::string next = state_;
    if (!model_.step(&next, operation)) return false;
    linearized_.flip(operation);
    if (!remember(next)) {
      linearized_.flip(operation);
      return false;
    }
    open_ -= is_answered(call) ? 1U : 0U;
    stack_.push_back(Choice{call, std::exchange(state_, std::move(next))});
    timeline_.lift(call);
    if (stack_.size() > result_.longest.size()) result_.longest = order();
    return true;
  }

  std::size_t undo() {
    Choice choice = std::move(stack_.back());
    stack_.pop_back();
    state_ = std::move(choice.state_before);
    linearized_.flip(timeline_.at(choice.call).operation);
    open_ += is_answered(choice.call) ? 1U : 0U;
    timeline_.unlift(choice.call);
    return choice.call;
  }

  // False when the same set of operations has led to the same state before.
  bool remember(const std::string& state) {
    auto& seen = seen_[linearized_.hash() ^ std::hash<std::string>{}(state)];
    for (const auto& [bits, old_state] : seen) {
      if (old_state == state && bits == linearized_) return false;
    }
    seen.emplace_back(linearized_, state);
    return true;
  }

  bool is_answered(std::size_t call) const {
    return timeline_.at(timeline_.at(call).match).time != Span::kNever;
  }

  std::vector<std::size_t> order() const {
    std::vector<std::size_t> operations;
    for (const Choice& choice : stack_) operations.push_back(timeline_.at(choice.call).operation);
    return operations;
  }

  const Model& model_;
  const std::uint64_t steps_max_;
  Timeline timeline_;
  Bits linearized_;
  std::string state_;
  std::size_t open_ = 0;  // answered operations not linearized yet
  std::vector<Choice> stack_;
  std::unordered_map<std::uint64_t, std::vector<std::pair<Bits, std::string>>> seen_;
  Linearization result_;
};

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::linearizable:
      return "linearizable";
    case Verdict::violated:
      return "not linearizable";
    case Verdict::unknown:
      return "unknown (step limit)";
  }
  return "?";
}

Linearization check_linearizable(const std::vector<Span>& spans, const Model& model,
                                 std::uint64_t steps_max) {
  return Search(spans, model, steps_max).run();
}

}  // namespace cairn::sim
