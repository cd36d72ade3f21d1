#include "mvcc/lease_commands.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/reached.h"
#include "etcd/reasons.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

Outcome done(const Storage& storage) {
  Outcome outcome;
  outcome.revision = storage.store.revision();
  return outcome;
}

void revoke(Storage* to, std::int64_t id) {
  std::vector<std::string_view> keys;
  to->leases.state().keys(id, [&keys](std::string_view key) {
    keys.push_back(key);
    return true;
  });
  to->store.begin_write();
  for (const std::string_view key : keys) {
    const Record* const record = to->store.find(key);
    CHECK(record != nullptr && record->lease() == id);
    to->store.erase(*record);
    to->leases.move(record->key(), id, 0);
  }
  to->store.end_write();
  to->leases.remove(id);
}

}  // namespace

Outcome grant_lease(Storage* to, const etcdserverpb::LeaseGrantRequest& request, const Answering& how) {
  const LeaseChoice& choice = how.lease;
  const std::int64_t id = request.id() != 0 ? request.id() : choice.id;
  const std::int64_t ttl = std::max({request.ttl(), choice.ttl_s, std::int64_t{1}});
  if (Status granted = to->leases.may_grant(id, ttl); !granted)
    return refuse(std::move(granted).error(), to->store.revision());
  to->leases.grant(id, ttl);
  Outcome outcome = done(*to);
  if (!how.with_body) return outcome;
  etcdserverpb::LeaseGrantResponse response;
  response.set_id(id);
  response.set_ttl(ttl);
  outcome.body = response.SerializeAsString();
  return outcome;
}

Outcome revoke_leases(Storage* to, const command::RevokeLeases& request) {
  if (request.id() != 0 || request.expired_size() == 0) {
    if (!to->leases.exists(request.id()))
      return refuse(etcd::error_of(Reason::lease_not_found), to->store.revision());
    revoke(to, request.id());
  }
  for (const auto& expired : request.expired()) {
    const LeaseInfo* const lease = to->leases.find(expired.id());
    if (lease != nullptr && lease->generation == expired.generation())
      revoke(to, expired.id());
    else
      REACHED("mvcc.lease.expired_too_late");
  }
  return done(*to);
}

Outcome checkpoint_leases(Storage* to, const command::CheckpointLeases& request) {
  for (const auto& lease : request.leases())
    static_cast<void>(to->leases.checkpoint(lease.id(), lease.generation(), lease.remaining()));
  return done(*to);
}

}  // namespace cairn::mvcc
