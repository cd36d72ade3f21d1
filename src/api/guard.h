// Guard: the member as those may have it whose calls are served: the only one that the rest of api/ sees. It
// knows whose call is in progress on this thread (Scope), and follows it through what that call asks of the
// member: the answers come back within the same scope. A write carries its caller into the log, a read sees a
// view that refuses what the caller may not (node/guarded_view.h), and what leads outside of every scope is
// nobody's, whom the member refuses once there are users. So who serves a method cannot forget to ask.
//
// A member that was started again judges nobody by users that may have been changed in the log it has still
// to apply: local reads become linearizable, and what is told without one is refused.
//
// While there are none it is one look at a flag for a write. Owner: Api. Threading: the Api's. Bounded: of
// the logins that it has seen used there are as many as the state has.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "api/api.h"
#include "api/credential.h"
#include "node/guarded_view.h"
#include "node/member.h"
#include "node/requests.h"

namespace cairn::api {

class Guard final : public node::Member {
 public:
  Guard(node::Member& inner, const Config& config) : inner_(inner), config_(config) {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // For as long as this is there, what is asked is asked by them. Scopes nest.
  class Scope {
   public:
    Scope(Guard& guard, SharedCredential whose)
        : guard_(guard), before_(std::exchange(guard.current_, std::move(whose))) {}
    ~Scope() { guard_.current_ = std::move(before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Guard& guard_;
    SharedCredential before_;
  };
  const SharedCredential& current() const { return current_; }
  bool has_users() const { return inner_.auth()->enabled; }
  bool asks_nobody() const { return !has_users() && knows_users(); }

  // Who it is, as users and logins are in `auth`. REQUIRES: they are enabled there.
  Result<mvcc::OwnedCaller> caller(const Credential* whose, const mvcc::AuthState& auth);
  // Whether they may have that, as far as this member knows by now.
  Status may(const Credential* whose, const etcd::Effects& effects);

  Time now() const override { return inner_.now(); }
  void write(node::ClientWrite request) override;
  void read(node::ClientRead request) override;
  void move_leader(node::MoveLeader request) override;
  void lease(node::LeaseCall call) override;
  void change_members(node::ChangeMembership change) override;
  bool ask(node::ReplicaQuestion question) override { return inner_.ask(std::move(question)); }
  node::MemberBrief brief() const override;
  std::shared_ptr<const mvcc::MemberMap> members() const override { return inner_.members(); }
  const std::shared_ptr<const mvcc::AuthState>& auth() const override { return inner_.auth(); }
  bool knows_users() const override { return inner_.knows_users(); }
  std::int64_t clock_ms() const override { return inner_.clock_ms(); }
  void follow(node::Follower follower) override { inner_.follow(std::move(follower)); }

 private:
  class Written;
  class ViewTaken;
  class LeaseTold;
  class LeaseChecked;
  class WriteLooked;

  void write_as(node::ClientWrite request, const mvcc::AuthState& auth);

  Result<mvcc::OwnedCaller> by_token(const std::string& token, const mvcc::AuthState& auth);
  void forget_ended(const mvcc::Tokens& tokens);

  node::Member& inner_;
  const Config& config_;
  SharedCredential current_;  // null: nobody's
  node::WriteCheck check_;
  // When this member last saw a login used. The end of time before it: it has been idle for too long.
  std::map<mvcc::TokenHash, Time> used_;
};

}  // namespace cairn::api
