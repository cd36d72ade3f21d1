#include "node/lease_calls.h"

#include <algorithm>
#include <climits>
#include <iterator>
#include <utility>

#include "base/reached.h"
#include "etcd/reasons.h"
#include "proto/note.pb.h"

namespace cairn::node {
namespace {

// The leader is of a version that knows no leases: it refuses to grant them, too.
Error not_known() {
  return {Code::unimplemented, "cairn: the leader is of a version without leases: update every member"};
}

template <class Message>
bool parse(std::string_view body, Message* message) {
  return body.size() <= INT_MAX && message->ParseFromArray(body.data(), static_cast<int>(body.size()));
}

void move_all(std::deque<LeaseCall>* from, std::deque<LeaseCall>* to) {
  std::move(from->begin(), from->end(), std::back_inserter(*to));
  from->clear();
}

}  // namespace

void LeaseCalls::add(LeaseCall call) {
  if (pending_ >= limits_.calls_max) {
    REACHED("node.lease.too_many_calls");
    return call.responder->failed(etcd::error_of(Reason::too_many_requests));
  }
  ++pending_;
  gathered_.push_back(std::move(call));
}

void LeaseCalls::send(const Standing& standing) {
  const bool is_new = std::exchange(leadership_seen_, standing.leadership) != standing.leadership;
  if (!again_.empty() && !again_at_) again_at_ = standing.now + retry_after_ / 10;
  if (is_new || (again_at_ && standing.now >= *again_at_)) {
    move_all(&again_, &gathered_);
    again_at_.reset();
  }
  if (gathered_.empty() || !standing.is_led()) return;
  Batch batches[2];
  for (LeaseCall& call : std::exchange(gathered_, {})) {
    Batch& batch = batches[call.kind == LeaseCallKind::keep_alive ? 0 : 1];
    batch.push_back(std::move(call));
    if (batch.size() >= limits_.call_batch_max) ask(std::exchange(batch, {}), standing);
  }
  for (Batch& batch : batches)
    if (!batch.empty()) ask(std::move(batch), standing);
}

void LeaseCalls::ask(Batch batch, const Standing& standing) {
  std::vector<std::int64_t> ids;
  ids.reserve(batch.size());
  for (const LeaseCall& call : batch) ids.push_back(call.id);
  const LeaseCallKind kind = batch.front().kind;
  auto asked = std::make_shared<Batch>(std::move(batch));
  port_.ask({.kind = static_cast<QuestionKind>(kind),
             .body = encode_lease_ids(ids),
             .deadline = standing.now + retry_after_,
             .done = [this, asked](QuestionOutcome outcome) { answered(*asked, std::move(outcome)); }});
}

void LeaseCalls::answered(Batch& batch, QuestionOutcome outcome) {
  if (outcome.refusal == NoAnswer::unknown_kind) {
    for (LeaseCall& call : batch) fail(call, not_known());
    return;
  }
  const auto times = outcome.refusal ? std::nullopt : decode_lease_times(outcome.body);
  if (!times || times->size() != batch.size()) {
    REACHED("node.lease.asked_again");
    std::move(batch.begin(), batch.end(), std::back_inserter(again_));
    return;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    --pending_;
    batch[i].responder->done((*times)[i]);
  }
}

void LeaseCalls::fail(LeaseCall& call, Error error) {
  --pending_;
  call.responder->failed(std::move(error));
}

// Those that are asked are looked at when their question is over, soon.
void LeaseCalls::expire(const Standing& standing) {
  for (std::deque<LeaseCall>* const calls : {&gathered_, &again_}) {
    std::deque<LeaseCall> left;
    for (LeaseCall& call : std::exchange(*calls, {})) {
      if (call.deadline > standing.now)
        left.push_back(std::move(call));
      else
        fail(call, etcd::error_of(standing.is_led() ? Reason::timed_out : Reason::no_leader));
    }
    move_all(&left, calls);
  }
}

std::string encode_lease_ids(const std::vector<std::int64_t>& ids) {
  note::LeaseIds message;
  message.mutable_ids()->Add(ids.begin(), ids.end());
  return message.SerializeAsString();
}

std::optional<std::vector<std::int64_t>> decode_lease_ids(std::string_view body) {
  note::LeaseIds message;
  if (!parse(body, &message)) return std::nullopt;
  return std::vector<std::int64_t>(message.ids().begin(), message.ids().end());
}

std::string encode_lease_times(const std::vector<LeaseTime>& times, std::int64_t revision) {
  note::LeaseTimes message;
  message.set_revision(revision);
  for (const LeaseTime& time : times) {
    message.add_left(time.left_s);
    message.add_granted(time.granted_s);
  }
  return message.SerializeAsString();
}

std::optional<std::vector<LeaseTime>> decode_lease_times(std::string_view body) {
  note::LeaseTimes message;
  if (!parse(body, &message) || message.left_size() != message.granted_size()) return std::nullopt;
  std::vector<LeaseTime> times;
  times.reserve(static_cast<std::size_t>(message.left_size()));
  for (int i = 0; i < message.left_size(); ++i)
    times.push_back({message.left(i), message.granted(i), message.revision()});
  return times;
}

}  // namespace cairn::node
