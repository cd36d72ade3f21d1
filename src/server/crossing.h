// Crossing: a member as a front-end thread sees it. What one turn of the front-end asks crosses to the loop
// together, what one turn of the loop answers comes back together: one wake-up each way, however many there
// are. The newest view comes in a slot beside the answers, when somebody follows here. The reads of a turn
// are one read of the loop: they share a barrier and a view, and the front-end queries it. Owner: FrontEnd.
// Threading: node::Member is for the front-end's thread, arrived() and turn_ended() for the loop's; the two
// sides share mailboxes only. What a request brought along (responders, questions) is destroyed on the
// front-end's thread, or after both threads have ended. Bounded: Limits, by requests under way, refused
// beyond as Node refuses its own (a question beyond is dropped); an answer belongs to a request. What is
// published comes at most once a turn of the loop and is small.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/latest.h"
#include "base/mailbox.h"
#include "base/time.h"
#include "node/change_membership.h"
#include "node/member.h"
#include "node/ports.h"
#include "node/requests.h"
#include "node/status.h"
#include "server/following.h"

namespace cairn::server {

class Crossing final : public node::Member, public node::Audience {
 public:
  struct Limits {  // of requests under way; at least one each
    std::size_t writes_max = 5000;
    std::size_t write_bytes_max = std::size_t{128} << 20;  // a single one always fits
    std::size_t reads_max = 50000;
    // Taken in one turn of the loop, requests of writes and what each costs besides: others wait for that
    // turn, and a leader that hears nobody for long is one no more.
    std::size_t turn_bytes_max = std::size_t{4} << 20;
    // Reads end together, so much late at most. Less than the time between two looks of a Node at its
    // deadlines.
    Duration deadline_slack = std::chrono::milliseconds(10);
    std::ptrdiff_t reads_looked_at = 4;  // for one with the same deadline: clients may set any
  };

  // Each makes this object's method of that side run on that side's thread, soon, and never within the call.
  struct Wake {
    std::function<void()> loop;       // to call arrived()
    std::function<void()> front_end;  // to call answered()
    std::function<void()> turn_end;   // to call send() when what is ready on the front-end has had its turn
  };
  Crossing(node::Member& replica, Wake wake) : Crossing(replica, std::move(wake), Limits()) {}
  Crossing(node::Member& replica, Wake wake, const Limits& limits);
  ~Crossing() override;
  Crossing(const Crossing&) = delete;
  Crossing& operator=(const Crossing&) = delete;

  // The front-end's thread.
  Time now() const override;
  void write(node::ClientWrite request) override;
  void read(node::ClientRead request) override;
  void move_leader(node::MoveLeader request) override;  // counted as a write
  void lease(node::LeaseCall call) override;
  void change_members(node::ChangeMembership change) override;  // counted as a write
  bool ask(node::ReplicaQuestion question) override;
  node::MemberBrief brief() const override { return brief_; }
  std::shared_ptr<const mvcc::MemberMap> members() const override { return members_; }
  const std::shared_ptr<const mvcc::AuthState>& auth() const override { return auth_; }
  bool knows_users() const override { return knows_users_; }
  std::int64_t clock_ms() const override { return clock_ms_.load(std::memory_order_relaxed); }
  void follow(node::Follower follower) override;
  void send();
  void answered();

  // The loop's thread.
  void arrived();
  bool listens() const override { return listens_.load(std::memory_order_relaxed); }
  void published(std::shared_ptr<const mvcc::View> view) override;  // its turn has not ended yet
  void turn_ended();

  // When both threads have ended and the replica is gone: destroys what is still under way.
  void abandon();

 private:
  using ReadResponders = std::vector<std::unique_ptr<node::ReadResponder>>;
  struct Reads {
    bool serializable = false;
    Time deadline;
    ReadResponders responders;
  };
  using Request = std::variant<node::ClientWrite, Reads, node::LeaseCall, node::ReplicaQuestion,
                               node::MoveLeader, node::ChangeMembership>;

  struct Written {
    std::unique_ptr<node::WriteResponder> responder;
    std::size_t bytes = 0;
    bool answered = false;  // else dropped
    mvcc::Outcome outcome;
  };
  struct ReadsDone {
    ReadResponders responders;
    std::shared_ptr<const mvcc::View> view;  // null: failed, or dropped when there is no error either
    Error error{Code::ok, ""};
  };
  struct LeaseTold {
    std::unique_ptr<node::LeaseResponder> responder;
    std::optional<node::LeaseTime> time;  // none: failed, or dropped when there is no error either
    Error error{Code::ok, ""};
  };
  struct MembersTold {
    std::function<void(node::MembershipOutcome)> done;
    std::optional<node::MembershipOutcome> outcome;  // none: dropped
  };
  struct Asked {
    node::ReplicaQuestion question;  // destroyed over there
    std::function<void()> answer;
  };
  struct Published {
    node::MemberBrief brief;
    std::shared_ptr<const mvcc::MemberMap> members;
    std::shared_ptr<const mvcc::AuthState> auth;
    bool knows_users = false;
    bool operator==(const Published&) const = default;
  };
  using Answer = std::variant<Written, ReadsDone, LeaseTold, MembersTold, Asked, Published>;

  class WriteCrossing;
  class ReadsCrossing;
  class LeaseCrossing;
  class MembersCrossing;

  void add(Request request);
  std::size_t hand_over(Request& request);
  void post_turn_end();
  void finish(Written& written);
  void finish(ReadsDone& reads);
  void finish(LeaseTold& lease);
  void finish(MembersTold& members);
  void send_back();

  node::Member& replica_;
  const Wake wake_;
  const Limits limits_;
  Mailbox<Request> to_loop_;
  Mailbox<Answer> to_front_end_;
  Latest<std::shared_ptr<const mvcc::View>> newest_;
  std::atomic<bool> listens_{false};       // somebody follows over there
  std::atomic<std::int64_t> clock_ms_{0};  // the state's: the loop's turns tell it

  // The front-end's.
  std::vector<Request> gathered_;      // this turn's
  std::vector<Reads> gathered_reads_;  // the same
  std::vector<Answer> arriving_;
  bool turn_end_posted_ = false;
  std::size_t writes_ = 0, write_bytes_ = 0, reads_ = 0;  // under way
  node::MemberBrief brief_;
  std::shared_ptr<const mvcc::MemberMap> members_;
  std::shared_ptr<const mvcc::AuthState> auth_;
  bool knows_users_;
  Following following_;

  // The loop's.
  std::vector<Request> departing_;
  std::size_t departed_ = 0;     // of them
  std::vector<Answer> answers_;  // this turn's
  Published published_;
  bool wake_wanted_ = false;  // there is a view, and nobody knows
};

}  // namespace cairn::server
