#include "server/crossing.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "base/match.h"
#include "etcd/reasons.h"

namespace cairn::server {
namespace {

constexpr std::size_t kRequestCostBytes = 256;  // of memory touched, about

}  // namespace

// On the loop, in place of the responder of one write.
class Crossing::WriteCrossing final : public node::WriteResponder {
 public:
  WriteCrossing(Crossing& crossing, std::unique_ptr<node::WriteResponder> responder, std::size_t bytes)
      : crossing_(crossing), written_{std::move(responder), bytes, false, {}} {}
  ~WriteCrossing() override {
    if (written_.responder != nullptr) crossing_.answers_.emplace_back(std::move(written_));
  }
  void done(mvcc::Outcome outcome) override {
    written_.answered = true;
    written_.outcome = std::move(outcome);
    crossing_.answers_.emplace_back(std::move(written_));
  }

 private:
  Crossing& crossing_;
  Written written_;
};

// On the loop, in place of the responders of all reads of one turn.
class Crossing::ReadsCrossing final : public node::ReadResponder {
 public:
  ReadsCrossing(Crossing& crossing, ReadResponders responders)
      : crossing_(crossing), reads_{std::move(responders), nullptr, {Code::ok, ""}} {}
  ~ReadsCrossing() override {
    if (!reads_.responders.empty()) crossing_.answers_.emplace_back(std::move(reads_));
  }
  void ready(const mvcc::View& view) override {
    reads_.view = view.shared_from_this();
    crossing_.answers_.emplace_back(std::move(reads_));
  }
  void failed(Error error) override {
    reads_.error = std::move(error);
    crossing_.answers_.emplace_back(std::move(reads_));
  }

 private:
  Crossing& crossing_;
  ReadsDone reads_;
};

// On the loop, in place of the responder of one question about a lease.
class Crossing::LeaseCrossing final : public node::LeaseResponder {
 public:
  LeaseCrossing(Crossing& crossing, std::unique_ptr<node::LeaseResponder> responder)
      : crossing_(crossing), told_{std::move(responder), std::nullopt, {Code::ok, ""}} {}
  ~LeaseCrossing() override {
    if (told_.responder != nullptr) crossing_.answers_.emplace_back(std::move(told_));
  }
  void done(const node::LeaseTime& time) override {
    told_.time = time;
    crossing_.answers_.emplace_back(std::move(told_));
  }
  void failed(Error error) override {
    told_.error = std::move(error);
    crossing_.answers_.emplace_back(std::move(told_));
  }

 private:
  Crossing& crossing_;
  LeaseTold told_;
};

// On the loop, in place of what is to be called once a change of the members is made, or not.
class Crossing::MembersCrossing {
 public:
  MembersCrossing(Crossing& crossing, std::function<void(node::MembershipOutcome)> done)
      : crossing_(crossing), told_{std::move(done), std::nullopt} {}
  ~MembersCrossing() { crossing_.answers_.emplace_back(std::move(told_)); }
  MembersCrossing(const MembersCrossing&) = delete;
  MembersCrossing& operator=(const MembersCrossing&) = delete;
  void done(node::MembershipOutcome outcome) { told_.outcome = std::move(outcome); }

 private:
  Crossing& crossing_;
  MembersTold told_;
};

Crossing::Crossing(node::Member& replica, Wake wake, const Limits& limits)
    : replica_(replica),
      wake_(std::move(wake)),
      limits_(limits),
      to_loop_(limits.writes_max + limits.reads_max),
      to_front_end_(limits.writes_max + limits.reads_max),
      brief_(replica.brief()),
      members_(replica.members()),
      auth_(replica.auth()),
      knows_users_(replica.knows_users()),
      published_{brief_, members_, auth_, knows_users_} {}

Crossing::~Crossing() { abandon(); }

void Crossing::abandon() {
  for (std::vector<Request> left; to_loop_.take(&left), !left.empty();) {
  }
  for (std::vector<Answer> left; to_front_end_.take(&left), !left.empty();) {
  }
  departing_.clear();
  departed_ = 0;
  gathered_.clear();
  gathered_reads_.clear();
  answers_.clear();
  newest_.take();
}

Time Crossing::now() const { return std::chrono::steady_clock::now(); }

void Crossing::write(node::ClientWrite request) {
  const std::size_t bytes = request.request.size();
  if (writes_ >= limits_.writes_max || (writes_ > 0 && write_bytes_ + bytes > limits_.write_bytes_max)) {
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::too_many_requests)));
  }
  writes_ += 1;
  write_bytes_ += bytes;
  add(std::move(request));
}

void Crossing::move_leader(node::MoveLeader request) {
  if (writes_ >= limits_.writes_max)
    return request.responder->done(mvcc::refuse(etcd::error_of(Reason::too_many_requests)));
  writes_ += 1;
  add(std::move(request));
}

void Crossing::change_members(node::ChangeMembership change) {
  if (writes_ >= limits_.writes_max)
    return change.done({.kind = node::MembershipOutcome::Kind::refused,
                        .refusal = node::MembershipRefusal::overloaded,
                        .why = "too many requests wait"});
  writes_ += 1;
  add(std::move(change));
}

void Crossing::read(node::ClientRead request) {
  if (reads_ >= limits_.reads_max)
    return request.responder->failed(etcd::error_of(Reason::too_many_requests));
  reads_ += 1;
  post_turn_end();
  const auto last = gathered_reads_.rbegin();
  const auto end = last + std::min<std::ptrdiff_t>(std::ssize(gathered_reads_), limits_.reads_looked_at);
  const auto like = std::find_if(last, end, [this, &request](const Reads& reads) {
    const Duration early = reads.deadline - request.deadline;
    return reads.serializable == request.serializable && early >= Duration::zero() &&
           early <= limits_.deadline_slack;
  });
  if (like == end) {
    Reads& reads = gathered_reads_.emplace_back(
        Reads{request.serializable, request.deadline + limits_.deadline_slack, {}});
    reads.responders.push_back(std::move(request.responder));
  } else {
    like->responders.push_back(std::move(request.responder));
  }
}

void Crossing::lease(node::LeaseCall call) {
  if (reads_ >= limits_.reads_max) return call.responder->failed(etcd::error_of(Reason::too_many_requests));
  reads_ += 1;
  add(std::move(call));
}

bool Crossing::ask(node::ReplicaQuestion question) {
  if (reads_ >= limits_.reads_max) return false;
  reads_ += 1;
  add(std::move(question));
  return true;
}

// The first view is asked for: turns that change nothing publish none.
void Crossing::follow(node::Follower follower) {
  following_.follow(std::move(follower));
  listens_.store(following_.anybody(), std::memory_order_relaxed);
  if (!following_.anybody()) return;
  reads_ += 1;
  add(node::ReplicaQuestion([this](const node::Replica& replica) {
    return [this, view = replica.view()] { following_.tell(view); };
  }));
}

void Crossing::add(Request request) {
  gathered_.push_back(std::move(request));
  post_turn_end();
}

void Crossing::post_turn_end() {
  if (turn_end_posted_) return;
  turn_end_posted_ = true;
  wake_.turn_end();
}

void Crossing::send() {
  turn_end_posted_ = false;
  std::move(gathered_reads_.begin(), gathered_reads_.end(), std::back_inserter(gathered_));
  gathered_reads_.clear();
  if (to_loop_.push_all(&gathered_)) wake_.loop();
}

void Crossing::arrived() {
  if (departed_ == departing_.size()) {
    departed_ = 0;
    to_loop_.take(&departing_);
  }
  for (std::size_t bytes = 0; departed_ < departing_.size() && bytes < limits_.turn_bytes_max; ++departed_)
    bytes += hand_over(departing_[departed_]);
  if (departed_ == departing_.size()) departing_.clear(), departed_ = 0;
  // What came meanwhile woke nobody for itself while others were before it.
  if (!departing_.empty() || !to_loop_.empty()) wake_.loop();
  send_back();
}

// What it costs, in bytes.
std::size_t Crossing::hand_over(Request& request) {
  std::size_t bytes = kRequestCostBytes;
  std::visit(
      Match{[this, &bytes](node::ClientWrite& write) {
              bytes += write.request.size();
              write.responder =
                  std::make_unique<WriteCrossing>(*this, std::move(write.responder), write.request.size());
              replica_.write(std::move(write));
            },
            [this](node::MoveLeader& move) {
              move.responder = std::make_unique<WriteCrossing>(*this, std::move(move.responder), 0);
              replica_.move_leader(std::move(move));
            },
            [this](node::ChangeMembership& change) {
              auto told = std::make_shared<MembersCrossing>(*this, std::move(change.done));
              change.done = [told](node::MembershipOutcome outcome) { told->done(std::move(outcome)); };
              replica_.change_members(std::move(change));
            },
            [this](Reads& reads) {
              replica_.read(
                  {.serializable = reads.serializable,
                   .deadline = reads.deadline,
                   .responder = std::make_unique<ReadsCrossing>(*this, std::move(reads.responders))});
            },
            [this](node::LeaseCall& call) {
              call.responder = std::make_unique<LeaseCrossing>(*this, std::move(call.responder));
              replica_.lease(std::move(call));
            },
            [this](node::ReplicaQuestion& question) {
              std::function<void()> answer;
              const bool is_asked = replica_.ask([&](const node::Replica& replica) {
                answer = question(replica);
                return [] {};
              });
              CHECK(is_asked);  // the replica itself has no limit: it answers at once
              answers_.emplace_back(Asked{std::move(question), std::move(answer)});
            }},
      request);
  return bytes;
}

void Crossing::turn_ended() {
  clock_ms_.store(replica_.clock_ms(), std::memory_order_relaxed);
  Published now{replica_.brief(), replica_.members(), replica_.auth(), replica_.knows_users()};
  if (now != published_) {
    published_ = now;
    // Before the answers of this turn: whoever answers says what was known by then.
    answers_.insert(answers_.begin(), std::move(now));
  }
  send_back();
}

void Crossing::published(std::shared_ptr<const mvcc::View> view) {
  if (newest_.put(std::move(view))) wake_wanted_ = true;
}

void Crossing::send_back() {
  const bool is_news = !answers_.empty() && to_front_end_.push_all(&answers_);
  if (std::exchange(wake_wanted_, false) || is_news) wake_.front_end();
}

void Crossing::answered() {
  to_front_end_.take(&arriving_);
  // Taken behind the answers and told before them, it is not older than they are.
  if (const auto view = newest_.take()) following_.tell(*view);
  for (Answer& answer : arriving_) {
    std::visit(
        Match{[this](Written& written) { finish(written); }, [this](ReadsDone& reads) { finish(reads); },
              [this](LeaseTold& lease) { finish(lease); }, [this](MembersTold& members) { finish(members); },
              [this](Asked& asked) {
                reads_ -= 1;
                if (asked.answer) asked.answer();
              },
              [this](Published& published) {
                brief_ = published.brief;
                members_ = std::move(published.members);
                auth_ = std::move(published.auth);
                knows_users_ = published.knows_users;
              }},
        answer);
  }
  arriving_.clear();
}

void Crossing::finish(Written& written) {
  writes_ -= 1;
  write_bytes_ -= written.bytes;
  if (written.answered) written.responder->done(std::move(written.outcome));
  written.responder.reset();
}

void Crossing::finish(LeaseTold& lease) {
  reads_ -= 1;
  if (lease.time) lease.responder->done(*lease.time);
  if (lease.error.code != Code::ok) lease.responder->failed(lease.error);
  lease.responder.reset();
}

void Crossing::finish(MembersTold& members) {
  writes_ -= 1;
  if (members.outcome) members.done(*std::move(members.outcome));
  members.done = nullptr;
}

void Crossing::finish(ReadsDone& reads) {
  reads_ -= reads.responders.size();
  for (const std::unique_ptr<node::ReadResponder>& responder : reads.responders) {
    if (reads.view != nullptr) responder->ready(*reads.view);
    if (reads.error.code != Code::ok) responder->failed(reads.error);
  }
  reads.responders.clear();
  reads.view.reset();  // what a view pins may go as soon as nobody reads it
}

}  // namespace cairn::server
