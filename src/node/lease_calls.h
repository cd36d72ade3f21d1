// LeaseCalls: what this member's clients ask about the time of leases. Those of a turn go to whoever leads,
// this member or another, as one question a kind, and are asked again, as nothing is done twice by that,
// until there is an answer or their deadlines are over. Owner: Node. Bounds: LeaseLimits::calls_max, and
// call_batch_max in one question.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "node/leases.h"
#include "node/question.h"
#include "node/requests.h"
#include "node/standing.h"

namespace cairn::node {

class LeaseCalls {
 public:
  // Who carries questions to the leader. Implemented by Node.
  struct Port {
    virtual ~Port() = default;
    virtual void ask(LeaderQuestion question) = 0;
  };
  // `retry_after`: a question without an answer is asked again.
  LeaseCalls(const LeaseLimits& limits, Duration retry_after, Port& port)
      : limits_(limits), retry_after_(retry_after), port_(port) {}
  LeaseCalls(const LeaseCalls&) = delete;
  LeaseCalls& operator=(const LeaseCalls&) = delete;

  void add(LeaseCall call);
  void send(const Standing& standing);    // once a turn
  void expire(const Standing& standing);  // may be left out
  std::size_t pending() const { return pending_; }

 private:
  using Batch = std::vector<LeaseCall>;

  void ask(Batch batch, const Standing& standing);
  void answered(Batch& batch, QuestionOutcome outcome);
  void fail(LeaseCall& call, Error error);

  const LeaseLimits limits_;
  const Duration retry_after_;
  Port& port_;
  std::size_t pending_ = 0;
  std::deque<LeaseCall> gathered_;
  // Those that got no answer wait for another leadership, or a while.
  std::deque<LeaseCall> again_;
  std::uint64_t leadership_seen_ = 0;
  std::optional<Time> again_at_;
};

// The bodies; nothing: they are none.
std::string encode_lease_ids(const std::vector<std::int64_t>& ids);
std::optional<std::vector<std::int64_t>> decode_lease_ids(std::string_view body);
std::string encode_lease_times(const std::vector<LeaseTime>& times, std::int64_t revision);
std::optional<std::vector<LeaseTime>> decode_lease_times(std::string_view body);

}  // namespace cairn::node
