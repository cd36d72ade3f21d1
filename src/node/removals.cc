#include "node/removals.h"

#include <algorithm>
#include <utility>

#include "base/reached.h"

namespace cairn::node {

class Removals::Responder final : public WriteResponder {
 public:
  Responder(Removals& owner, Waiting waiting) : owner_(owner), waiting_(std::move(waiting)) {}
  void done(mvcc::Outcome outcome) override {
    const bool is_made = outcome.code == Code::ok && owner_.waiting_.size() < owner_.limits_.count;
    if (!is_made) return waiting_.client->done(std::move(outcome));
    waiting_.outcome = std::move(outcome);
    owner_.waiting_.push_back(std::move(waiting_));
  }

 private:
  Removals& owner_;
  Waiting waiting_;
};

std::unique_ptr<WriteResponder> Removals::await(std::int64_t revision, Time deadline,
                                                std::unique_ptr<WriteResponder> client) {
  return std::make_unique<Responder>(*this, Waiting{revision, deadline, std::move(client), {}});
}

void Removals::look(std::int64_t removed_up_to, Time now) {
  const auto is_over = [&](const Waiting& each) {
    return each.revision <= removed_up_to || each.deadline <= now;
  };
  const auto over = std::stable_partition(waiting_.begin(), waiting_.end(),
                                          [&](const Waiting& each) { return !is_over(each); });
  std::vector<Waiting> answered(std::make_move_iterator(over), std::make_move_iterator(waiting_.end()));
  waiting_.erase(over, waiting_.end());
  for (Waiting& each : answered) {
    REACHED("node.removal.awaited");
    each.client->done(std::move(each.outcome));
  }
}

}  // namespace cairn::node
