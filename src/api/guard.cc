#include "api/guard.h"

#include <algorithm>

#include "base/sha256.h"
#include "etcd/reasons.h"
#include "node/change_membership.h"
#include "node/status.h"

namespace cairn::api {
namespace {

const etcd::Effects kAdmin = {{etcd::Access::admin, {}, {}}};

}  // namespace

std::string_view without_scheme(std::string_view authorization, std::string_view scheme) {
  const auto same = [](char of, char a) { return (a | ('a' - 'A')) == of || a == of; };
  const bool has = authorization.size() >= scheme.size() &&
                   std::equal(scheme.begin(), scheme.end(), authorization.begin(), same);
  return has ? authorization.substr(scheme.size()) : authorization;
}

std::string_view without_bearer(std::string_view authorization) {
  return without_scheme(authorization, "bearer ");
}

SharedCredential credential_of(const rpc::GrpcCall& call) {
  std::string_view token = call.metadata("token");
  if (token.empty()) token = without_bearer(call.metadata("authorization"));
  if (token.empty()) return credential_of(call.common_name());
  return std::make_shared<Credential>(Credential{.token = std::string(token)});
}

SharedCredential credential_of(std::string_view common_name) {
  if (common_name.empty()) return nullptr;
  return std::make_shared<Credential>(Credential{.user = std::string(common_name)});
}

// ---- what comes back, within the scope of who asked ----

class Guard::Written final : public node::WriteResponder {
 public:
  Written(Guard& guard, std::unique_ptr<node::WriteResponder> to)
      : guard_(guard), whose_(guard.current_), to_(std::move(to)) {}
  void done(mvcc::Outcome outcome) override {
    const Scope scope(guard_, whose_);
    to_->done(std::move(outcome));
  }

 private:
  Guard& guard_;
  const SharedCredential whose_;
  const std::unique_ptr<node::WriteResponder> to_;
};

class Guard::ViewTaken final : public node::ReadResponder {
 public:
  // `held`: it was to be local.
  ViewTaken(Guard& guard, std::unique_ptr<node::ReadResponder> to, bool held)
      : guard_(guard), whose_(guard.current_), to_(std::move(to)), held_(held) {}
  void ready(const mvcc::View& view) override {
    const Scope scope(guard_, whose_);
    if (!view.auth().enabled) [[likely]]
      return to_->ready(view);
    auto who = guard_.caller(whose_.get(), view.auth());
    const bool is_for_anyone = whose_ != nullptr && whose_->for_anyone;
    if (!who && !is_for_anyone) return to_->failed(who.error());
    const auto guarded = node::guarded(view.shared_from_this(), who ? *std::move(who) : mvcc::OwnedCaller());
    to_->ready(*guarded);
  }
  void failed(Error error) override {
    const Scope scope(guard_, whose_);
    const bool is_late = error.reason == Reason::no_leader || error.reason == Reason::timed_out;
    to_->failed(held_ && is_late ? etcd::error_of(Reason::users_not_known) : std::move(error));
  }

 private:
  Guard& guard_;
  const SharedCredential whose_;
  const std::unique_ptr<node::ReadResponder> to_;
  const bool held_;
};

class Guard::LeaseTold final : public node::LeaseResponder {
 public:
  LeaseTold(Guard& guard, std::unique_ptr<node::LeaseResponder> to)
      : guard_(guard), whose_(guard.current_), to_(std::move(to)) {}
  void done(const node::LeaseTime& time) override {
    const Scope scope(guard_, whose_);
    to_->done(time);
  }
  void failed(Error error) override {
    const Scope scope(guard_, whose_);
    to_->failed(std::move(error));
  }

 private:
  Guard& guard_;
  const SharedCredential whose_;
  const std::unique_ptr<node::LeaseResponder> to_;
};

// Whose keys would live on: as this member knows them by now, like etcd.
class Guard::LeaseChecked final : public node::ReadResponder {
 public:
  LeaseChecked(Guard& guard, node::LeaseCall call) : guard_(guard), call_(std::move(call)) {}
  void ready(const mvcc::View& view) override {
    if (const Status may = view.allows({{etcd::Access::attach, {}, {}, call_.id}}); !may)
      return call_.responder->failed(may.error());
    guard_.inner_.lease(std::move(call_));
  }
  void failed(Error error) override { call_.responder->failed(std::move(error)); }

 private:
  Guard& guard_;
  node::LeaseCall call_;
};

// A write whose caller nobody here has heard of yet.
class Guard::WriteLooked final : public node::ReadResponder {
 public:
  WriteLooked(Guard& guard, node::ClientWrite request) : guard_(guard), request_(std::move(request)) {}
  void ready(const mvcc::View& view) override { guard_.write_as(std::move(request_), view.auth()); }
  void failed(Error error) override { request_.responder->done(mvcc::refuse(std::move(error))); }

 private:
  Guard& guard_;
  node::ClientWrite request_;
};

// ---- who it is ----

// A login that was never used here is as old as the state's clock says, which stands while nothing is
// written; one that was is as old as its last use.
Result<mvcc::OwnedCaller> Guard::by_token(const std::string& token, const mvcc::AuthState& auth) {
  Sha256 sha;
  sha.update(token);
  const std::string digest = sha.digest();
  mvcc::TokenHash hash;
  std::copy(digest.begin(), digest.end(), hash.begin());
  const mvcc::Token* const known = auth.tokens->find(hash);
  if (known == nullptr) return fail(Reason::invalid_auth_token);
  forget_ended(*auth.tokens);
  const auto [used, is_new] = used_.try_emplace(hash, now());
  const std::int64_t age_ms = clock_ms() - known->clock_ms;
  const bool is_old = is_new ? Duration(std::chrono::milliseconds(age_ms)) >= config_.token_idle_max
                             : used->second == Time::min() || now() - used->second >= config_.token_idle_max;
  used->second = is_old ? Time::min() : now();
  if (is_old) return fail(Reason::invalid_auth_token);
  return mvcc::OwnedCaller{mvcc::Caller::Kind::user, known->user, auth.revision};
}

void Guard::forget_ended(const mvcc::Tokens& tokens) {
  if (used_.size() <= 2 * tokens.by_hash.size()) return;
  std::erase_if(used_, [&tokens](const auto& each) { return tokens.find(each.first) == nullptr; });
}

Result<mvcc::OwnedCaller> Guard::caller(const Credential* whose, const mvcc::AuthState& auth) {
  if (whose == nullptr) return fail(Reason::user_empty);
  if (!whose->token.empty()) return by_token(whose->token, auth);
  if (whose->user.empty()) return fail(Reason::user_empty);
  if (whose->by_certificate())  // whoever has signed it knows nothing of users
    return mvcc::OwnedCaller{mvcc::Caller::Kind::user, whose->user, auth.revision};
  const mvcc::User* const user = auth.user(whose->user);
  if (user == nullptr) return fail(Reason::permission_denied);
  if (user->password_revision != whose->password_revision) return fail(Reason::auth_failed);
  return mvcc::OwnedCaller{mvcc::Caller::Kind::user, whose->user, auth.revision};
}

Status Guard::may(const Credential* whose, const etcd::Effects& effects) {
  const auto& auth = inner_.auth();
  if (!auth->enabled) return {};
  const mvcc::OwnedCaller who = TRY(caller(whose, *auth));
  return mvcc::permit(who.view(), effects, *auth, nullptr);
}

// ---- what is asked ----

node::MemberBrief Guard::brief() const { return inner_.brief(); }

// Who says who they are where nobody is asked comes from a member that has users: this one has been started
// again, and does not know them yet. Certificates are shown everywhere, and say nothing of that.
void Guard::write(node::ClientWrite request) {
  if (request.caller.kind == mvcc::Caller::Kind::cluster) return inner_.write(std::move(request));
  const bool says_more = current_ != nullptr && !current_->for_anyone && !current_->by_certificate();
  if (knows_users() && (has_users() || !says_more)) [[likely]]
    return write_as(std::move(request), *inner_.auth());
  const Time deadline = request.deadline;
  read({.serializable = false,
        .deadline = deadline,
        .responder = std::make_unique<WriteLooked>(*this, std::move(request))});
}

void Guard::write_as(node::ClientWrite request, const mvcc::AuthState& auth) {
  if (!auth.enabled) [[likely]] {
    // There may be some by the time it is applied: it is told to ask again then, as in etcd.
    if (current_ != nullptr && current_->by_certificate())
      request.caller = {mvcc::Caller::Kind::user, current_->user, auth.revision};
    return inner_.write(std::move(request));
  }
  Result<mvcc::OwnedCaller> who = caller(current_.get(), auth);
  const Status may = who ? check_.permits(who->view(), request.kind, request.request, auth)
                         : Status(tl::unexpected(who.error()));
  if (!may) return request.responder->done(mvcc::refuse(may.error()));
  request.caller = *std::move(who);
  request.responder = std::make_unique<Written>(*this, std::move(request.responder));
  inner_.write(std::move(request));
}

// Also while there are no users: by the time it is answered there may be.
void Guard::read(node::ClientRead request) {
  const bool is_for_anyone = current_ != nullptr && current_->for_anyone;
  const bool held = request.serializable && !is_for_anyone && !knows_users();
  if (held) {
    request.serializable = false;
    request.deadline = std::min(request.deadline, now() + config_.leader_patience);
  }
  request.responder = std::make_unique<ViewTaken>(*this, std::move(request.responder), held);
  inner_.read(std::move(request));
}

void Guard::move_leader(node::MoveLeader request) {
  if (const Status may = this->may(current_.get(), kAdmin); !may)
    return request.responder->done(mvcc::refuse(may.error()));
  inner_.move_leader(std::move(request));
}

void Guard::lease(node::LeaseCall call) {
  if (!knows_users()) return call.responder->failed(etcd::error_of(Reason::users_not_known));
  if (!has_users()) {
    if (current_ != nullptr) call.responder = std::make_unique<LeaseTold>(*this, std::move(call.responder));
    return inner_.lease(std::move(call));
  }
  if (const Status may = this->may(current_.get(), {}); !may) return call.responder->failed(may.error());
  call.responder = std::make_unique<LeaseTold>(*this, std::move(call.responder));
  if (call.kind != node::LeaseCallKind::keep_alive) return inner_.lease(std::move(call));
  const Time deadline = call.deadline;
  read({.serializable = true,
        .deadline = deadline,
        .responder = std::make_unique<LeaseChecked>(*this, std::move(call))});
}

void Guard::change_members(node::ChangeMembership change) {
  if (const Status may = this->may(current_.get(), kAdmin); !may)
    return change.done({.kind = node::MembershipOutcome::Kind::refused,
                        .refusal = node::MembershipRefusal::invalid,
                        .why = may.error().message,
                        .leader = {},
                        .members = {}});
  inner_.change_members(std::move(change));
}

}  // namespace cairn::api
