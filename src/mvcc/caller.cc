#include "mvcc/caller.h"

#include "base/reached.h"
#include "etcd/reasons.h"
#include "mvcc/leases.h"

namespace cairn::mvcc {
namespace {

Error nobody_known() {
  return {Code::invalid_argument,
          "the command says whose it is in a way that this version does not know: update this member"};
}

template <class May>
bool may_all_attached(const User& user, const LeaseState* leases, std::int64_t lease, May may) {
  if (leases == nullptr || user.has_role(kRootName)) return true;
  bool all = true;
  leases->keys(lease, [&](std::string_view key) { return all = may(key_span(key, {})); });
  return all;
}

bool may(const AuthState& auth, const User& user, const etcd::Effect& effect, const LeaseState* leases) {
  switch (effect.access) {
    case etcd::Access::read:
      return auth.may_read(user, key_span(effect.key, effect.range_end));
    case etcd::Access::write:
      return auth.may_write(user, key_span(effect.key, effect.range_end));
    case etcd::Access::attach:
      return may_all_attached(user, leases, effect.lease,
                              [&](const KeySpan& key) { return auth.may_write(user, key); });
    case etcd::Access::attached:
      return may_all_attached(user, leases, effect.lease,
                              [&](const KeySpan& key) { return auth.may_read(user, key); });
    case etcd::Access::admin:
      return user.has_role(kRootName);
    case etcd::Access::cluster:
      break;
  }
  return false;
}

// Whoever it is has nothing to do with what members say among themselves.
bool is_clusters(const etcd::Effects& effects) {
  for (const etcd::Effect& effect : effects)
    if (effect.access == etcd::Access::cluster) return true;
  return false;
}

// etcd refuses who is no user by another name there.
bool is_administrators(const etcd::Effects& effects) {
  for (const etcd::Effect& effect : effects)
    if (effect.access == etcd::Access::admin) return true;
  return false;
}

}  // namespace

Status permit(const Caller& caller, const etcd::Effects& effects, const AuthState& auth,
              const LeaseState* leases) {
  if (caller.kind == Caller::Kind::unknown) return tl::unexpected(nobody_known());
  if (caller.kind == Caller::Kind::cluster) return {};
  if (!auth.enabled) {
    if (caller.kind == Caller::Kind::user && is_clusters(effects)) return fail(Reason::permission_denied);
    return {};
  }
  if (caller.kind == Caller::Kind::anybody) return fail(Reason::user_empty);
  if (caller.auth_revision != auth.revision) {
    REACHED("mvcc.caller.let_in_before");
    return fail(Reason::auth_revision_old);
  }
  const User* const user = auth.user(caller.user);
  if (user == nullptr)
    return fail(is_administrators(effects) ? Reason::user_not_found : Reason::permission_denied);
  for (const etcd::Effect& effect : effects)
    if (!may(auth, *user, effect, leases)) return fail(Reason::permission_denied);
  return {};
}

}  // namespace cairn::mvcc
