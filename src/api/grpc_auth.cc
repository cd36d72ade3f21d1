// etcdserverpb.Auth: logins, users, roles. What changes them is proposed as any write; passwords are hashed
// before, elsewhere, and go no further.
#include <utility>

#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "api/guard.h"
#include "api/login.h"
#include "api/passwords.h"
#include "base/check.h"
#include "base/sha256.h"
#include "etcd/reasons.h"
#include "proto/command.pb.h"

namespace cairn::api {
namespace {

using namespace etcdserverpb;  // NOLINT: the messages of all that is here

template <class Request>
void propose_as(const GrpcContext& context, node::CommandKind kind) {
  Request request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  propose(context, kind, std::string(context.request));
}

Error too_many_passwords(const Passwords& passwords) {
  return etcd::error_of(Reason::passwords_waiting, {static_cast<std::int64_t>(passwords.waiting_max())});
}

Error nobody_hashes() {
  return {Code::unimplemented, "cairn: this member was started without a way to hash passwords"};
}

// What goes on later, in the name of who has asked now.
struct Later {
  explicit Later(const GrpcContext& of) : context(of), whose(of.member.current()) { context.request = {}; }
  GrpcContext context;
  SharedCredential whose;
};

// Proposes the request with the password's hash in its place.
template <class Request>
void propose_hashed(const GrpcContext& context, node::CommandKind kind, Request request, bool has_password) {
  request.clear_hashedpassword();
  std::string password = std::move(*request.mutable_password());
  request.clear_password();
  if (!has_password) {
    wipe(&password);
    return propose(context, kind, request.SerializeAsString());
  }
  Passwords* const passwords = context.config.passwords;
  if (passwords == nullptr) return context.call->refuse(nobody_hashes());
  if (const Status usable = usable_password(password); !usable) {
    wipe(&password);
    return context.call->refuse(usable.error());
  }
  const auto then = [later = Later(context), kind, request](std::string hash) mutable {
    if (hash.empty())
      return later.context.call->refuse({Code::internal, "cairn: the library of bcrypt failed"});
    const Guard::Scope scope(later.context.member, later.whose);
    if (later.context.call->cancelled()) return;
    request.set_hashedpassword(std::move(hash));
    propose(later.context, kind, request.SerializeAsString());
  };
  if (!hash_password(context.config, std::move(password), then))
    context.call->refuse(too_many_passwords(*passwords));
}

// ---- logins ----

// As etcd writes one: sixteen letters, and a number behind a point. Config::random is what nobody can guess.
std::string new_token(const Config& config, std::uint64_t number) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::size_t kCount = 16;
  std::string token;
  while (token.size() < kCount) {
    // The low bits of each draw, until one is a letter: all are as likely.
    const std::uint64_t draw = config.random() % 64;
    if (draw < kLetters.size()) token += kLetters[draw];
  }
  return token + "." + std::to_string(number);
}

std::string sha256_of(const std::string& text) {
  Sha256 sha;
  sha.update(text);
  return sha.digest();
}

class LoggedIn final : public node::WriteResponder {
 public:
  LoggedIn(const GrpcContext& context, std::string token)
      : call_(context.call), member_(context.member), token_(std::move(token)) {}
  void done(mvcc::Outcome outcome) override {
    const auto call = call_.take();
    if (call->cancelled()) return;
    if (outcome.code == Code::ok) {
      AuthenticateResponse response;
      response.set_token(token_);
      outcome.body = response.SerializeAsString();
    }
    answer(*call, member_, outcome);
  }

 private:
  CallToAnswer call_;
  const node::Member& member_;
  const std::string token_;
};

void log_in(const GrpcContext& context, const std::string& user, std::uint64_t password_revision) {
  std::string token = new_token(context.config, context.member.auth()->tokens->next_number);
  command::Login login;
  login.set_user(user);
  login.set_password_revision(password_revision);
  login.set_token_hash(sha256_of(token));
  context.member.write({.kind = node::CommandKind::login,
                        .request = login.SerializeAsString(),
                        .idempotency_key = "",
                        .deadline = deadline_of(*context.call, context.config, context.member),
                        .responder = std::make_unique<LoggedIn>(context, std::move(token)),
                        .caller = {.kind = mvcc::Caller::Kind::cluster, .user = {}}});
}

// ---- who there is ----

mvcc::Outcome told(const mvcc::View& view, const google::protobuf::MessageLite& response) {
  mvcc::Outcome outcome;
  outcome.revision = view.revision();
  outcome.body = response.SerializeAsString();
  return outcome;
}

template <class Query>
void read_users(const GrpcContext& context, Query query) {
  context.member.read({.serializable = false,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

// Beside who may see all: of themselves.
template <class IsOwn>
Status may_see(Guard& guard, const mvcc::View& view, IsOwn is_own) {
  if (!view.auth().enabled) return {};
  const mvcc::OwnedCaller who = TRY(guard.caller(guard.current().get(), view.auth()));
  const mvcc::User* const user = view.auth().user(who.user);
  if (user != nullptr && is_own(who.user, *user)) return {};
  return view.allows({{etcd::Access::admin, {}, {}}});
}

void add_permission(const mvcc::Permission& permission, AuthRoleGetResponse* to) {
  authpb::Permission* const shown = to->add_perm();
  shown->set_permtype(static_cast<authpb::Permission::Type>(permission.grant));
  shown->set_key(permission.key);
  shown->set_range_end(permission.range_end);
}

mvcc::Outcome role_outcome(Guard& guard, const mvcc::View& view, const std::string& name) {
  const Status may = may_see(
      guard, view, [&name](const std::string&, const mvcc::User& user) { return user.has_role(name); });
  if (!may) return mvcc::refuse(may.error(), view.revision());
  const mvcc::Role* const role = view.auth().role(name);
  if (role == nullptr) return mvcc::refuse(etcd::error_of(Reason::role_not_found), view.revision());
  AuthRoleGetResponse response;
  for (const mvcc::Permission& each : role->permissions) add_permission(each, &response);
  return told(view, response);
}

mvcc::Outcome user_outcome(Guard& guard, const mvcc::View& view, const std::string& name) {
  const Status may =
      may_see(guard, view, [&name](const std::string& caller, const mvcc::User&) { return caller == name; });
  if (!may) return mvcc::refuse(may.error(), view.revision());
  const mvcc::User* const user = view.auth().user(name);
  if (user == nullptr) return mvcc::refuse(etcd::error_of(Reason::user_not_found), view.revision());
  AuthUserGetResponse response;
  for (const std::string& role : user->roles) response.add_roles(role);
  return told(view, response);
}

}  // namespace

void auth_enable(const GrpcContext& context) {
  propose_as<AuthEnableRequest>(context, node::CommandKind::auth_enable);
}
void auth_disable(const GrpcContext& context) {
  propose_as<AuthDisableRequest>(context, node::CommandKind::auth_disable);
}
void auth_user_delete(const GrpcContext& context) {
  propose_as<AuthUserDeleteRequest>(context, node::CommandKind::user_delete);
}
void auth_user_grant_role(const GrpcContext& context) {
  propose_as<AuthUserGrantRoleRequest>(context, node::CommandKind::user_grant_role);
}
void auth_user_revoke_role(const GrpcContext& context) {
  propose_as<AuthUserRevokeRoleRequest>(context, node::CommandKind::user_revoke_role);
}
void auth_role_add(const GrpcContext& context) {
  propose_as<AuthRoleAddRequest>(context, node::CommandKind::role_add);
}
void auth_role_delete(const GrpcContext& context) {
  propose_as<AuthRoleDeleteRequest>(context, node::CommandKind::role_delete);
}
void auth_role_grant_permission(const GrpcContext& context) {
  propose_as<AuthRoleGrantPermissionRequest>(context, node::CommandKind::role_grant_permission);
}
void auth_role_revoke_permission(const GrpcContext& context) {
  propose_as<AuthRoleRevokePermissionRequest>(context, node::CommandKind::role_revoke_permission);
}

void auth_user_add(const GrpcContext& context) {
  AuthUserAddRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (request.name().empty()) return context.call->refuse(etcd::error_of(Reason::user_empty));
  const bool has_password = !request.options().no_password();
  propose_hashed(context, node::CommandKind::user_add, std::move(request), has_password);
}

void auth_user_change_password(const GrpcContext& context) {
  AuthUserChangePasswordRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  propose_hashed(context, node::CommandKind::user_change_password, std::move(request), true);
}

void authenticate(const GrpcContext& context) {
  AuthenticateRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  Login login{.user = std::move(*request.mutable_name()), .password = std::move(*request.mutable_password())};
  const auto then = [later = Later(context), user = login.user](const Result<std::uint64_t>& revision) {
    if (later.context.call->cancelled()) return;
    if (!revision) return later.context.call->refuse(revision.error());
    log_in(later.context, user, *revision);
  };
  check_login(context.config, context.member, deadline_of(*context.call, context.config, context.member),
              std::move(login), then);
}

void auth_status(const GrpcContext& context) {
  AuthStatusRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_users(context, [](const mvcc::View& view) {
    AuthStatusResponse response;
    response.set_enabled(view.auth().enabled);
    response.set_authrevision(view.auth().revision);
    return told(view, response);
  });
}

void auth_user_get(const GrpcContext& context) {
  AuthUserGetRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_users(context, [&guard = context.member, name = request.name()](const mvcc::View& view) {
    return user_outcome(guard, view, name);
  });
}

void auth_user_list(const GrpcContext& context) {
  AuthUserListRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_users(context, [](const mvcc::View& view) {
    if (const Status may = view.allows({{etcd::Access::admin, {}, {}}}); !may)
      return mvcc::refuse(may.error(), view.revision());
    AuthUserListResponse response;
    for (const auto& each : view.auth().accounts->users) response.add_users(each.first);
    return told(view, response);
  });
}

void auth_role_get(const GrpcContext& context) {
  AuthRoleGetRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_users(context, [&guard = context.member, name = request.role()](const mvcc::View& view) {
    return role_outcome(guard, view, name);
  });
}

void auth_role_list(const GrpcContext& context) {
  AuthRoleListRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  read_users(context, [](const mvcc::View& view) {
    if (const Status may = view.allows({{etcd::Access::admin, {}, {}}}); !may)
      return mvcc::refuse(may.error(), view.revision());
    AuthRoleListResponse response;
    for (const auto& each : view.auth().accounts->roles) response.add_roles(each.first);
    return told(view, response);
  });
}

}  // namespace cairn::api
