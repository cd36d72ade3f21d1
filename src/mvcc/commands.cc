#include "mvcc/commands.h"

#include <iterator>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"
#include "mvcc/auth_commands.h"
#include "mvcc/execute.h"
#include "mvcc/lease_commands.h"
#include "mvcc/storage.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {

struct CommandEffects::Scratch {
  std::tuple<etcdserverpb::PutRequest, etcdserverpb::DeleteRangeRequest, etcdserverpb::TxnRequest,
             etcdserverpb::CompactionRequest, command::PublishMember, etcdserverpb::LeaseGrantRequest,
             command::RevokeLeases, command::CheckpointLeases, etcdserverpb::AlarmRequest,
             etcdserverpb::AuthEnableRequest, etcdserverpb::AuthDisableRequest,
             etcdserverpb::AuthUserAddRequest, etcdserverpb::AuthUserDeleteRequest,
             etcdserverpb::AuthUserChangePasswordRequest, etcdserverpb::AuthUserGrantRoleRequest,
             etcdserverpb::AuthUserRevokeRoleRequest, etcdserverpb::AuthRoleAddRequest,
             etcdserverpb::AuthRoleDeleteRequest, etcdserverpb::AuthRoleGrantPermissionRequest,
             etcdserverpb::AuthRoleRevokePermissionRequest, command::Login>
      messages;
};

namespace {

// What a command is applied to.
struct Target {
  Storage* storage;
  CommandEffects::Scratch* scratch;
  Answering how;
};

struct Row {
  CommandKind kind;
  Outcome (*apply)(std::string_view request, const Target& to);
  // Of bytes that are none: false.
  bool (*effects)(std::string_view request, CommandEffects::Scratch* scratch, etcd::Effects* to);
  bool (*may_grow)(std::string_view request);
  bool touches_keys;
};

Error not_understood() {
  return {Code::invalid_argument, "the command holds no request that this version knows"};
}

template <class Message>
bool parse(std::string_view bytes, Message* into) {
  return into->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// Of etcd's requests with rules that need no state. Proposers check them before they propose; the log is
// still not trusted to hold only what they let through.
template <class Request>
Outcome checked(std::string_view bytes, const Target& to) {
  auto& request = std::get<Request>(to.scratch->messages);
  const std::int64_t revision = to.storage->store.revision();
  if (!parse(bytes, &request)) return refuse(not_understood(), revision);
  Result<etcd::Checked<Request>> passed = etcd::check(request, to.storage->limits.request);
  if (!passed) return refuse(std::move(passed).error(), revision);
  return execute(to.storage, *passed, to.how);
}

Outcome grant(std::string_view bytes, const Target& to) {
  auto& request = std::get<etcdserverpb::LeaseGrantRequest>(to.scratch->messages);
  if (!parse(bytes, &request)) return refuse(not_understood(), to.storage->store.revision());
  return grant_lease(to.storage, request, to.how);
}

Outcome revoke(const command::RevokeLeases& request, Storage* storage) {
  return revoke_leases(storage, request);
}

Outcome checkpoint(const command::CheckpointLeases& request, Storage* storage) {
  return checkpoint_leases(storage, request);
}

Outcome compact(const etcdserverpb::CompactionRequest& request, Storage* storage) {
  return execute(&storage->store, request);
}

Outcome publish(const command::PublishMember& member, Storage* storage) {
  const std::int64_t revision = storage->store.revision();
  if (Status published = storage->members.publish(member, storage->limits); !published)
    return refuse(std::move(published).error(), revision);
  Outcome outcome;
  outcome.revision = revision;
  return outcome;
}

template <class Request>
Outcome auth(const Request& request, Storage* storage) {
  const std::int64_t revision = storage->store.revision();
  if (Status changed = change_auth(storage, request); !changed)
    return refuse(std::move(changed).error(), revision);
  Outcome outcome;
  outcome.revision = revision;
  return outcome;
}

// As etcd answers: what was raised or cleared by this request, or stands.
Outcome alarm(const etcdserverpb::AlarmRequest& request, Storage* storage) {
  Outcome outcome;
  outcome.revision = storage->store.revision();
  etcdserverpb::AlarmResponse response;
  const auto add = [&response](const Alarm& each) {
    etcdserverpb::AlarmMember* const told = response.add_alarms();
    told->set_memberid(each.member);
    told->set_alarm(static_cast<etcdserverpb::AlarmType>(each.kind));
  };
  const auto number = static_cast<std::uint64_t>(request.alarm());
  const Alarm asked{request.memberid(), static_cast<AlarmKind>(number)};
  switch (request.action()) {
    case etcdserverpb::AlarmRequest::ACTIVATE:
      if (!is_alarm_kind(number))
        return refuse({Code::invalid_argument, "an alarm is NOSPACE or CORRUPT"}, outcome.revision);
      if (Status raised = storage->alarms.raise(asked, storage->limits); !raised)
        return refuse(std::move(raised).error(), outcome.revision);
      add(asked);
      break;
    case etcdserverpb::AlarmRequest::DEACTIVATE:
      if (is_alarm_kind(number) && storage->alarms.clear(asked)) add(asked);
      break;
    default:
      for (const Alarm& each : *storage->alarms.all())
        if (number == 0 || each.kind == asked.kind) add(each);
  }
  outcome.body = response.SerializeAsString();
  return outcome;
}

// Of requests whose every rule needs the state, or has limits of its own.
template <class Request, Outcome (*run)(const Request&, Storage*)>
Outcome unchecked(std::string_view bytes, const Target& to) {
  auto& request = std::get<Request>(to.scratch->messages);
  if (!parse(bytes, &request)) return refuse(not_understood(), to.storage->store.revision());
  return run(request, to.storage);
}

template <class Request>
bool effects_of(std::string_view bytes, CommandEffects::Scratch* scratch, etcd::Effects* to) {
  auto& request = std::get<Request>(scratch->messages);
  if (!parse(bytes, &request)) return false;
  etcd::add_effects(request, to);
  return true;
}

bool cluster_only(std::string_view, CommandEffects::Scratch*, etcd::Effects* to) {
  to->push_back({etcd::Access::cluster, {}, {}});
  return true;
}

bool admin_only(std::string_view, CommandEffects::Scratch*, etcd::Effects* to) {
  to->push_back({etcd::Access::admin, {}, {}});
  return true;
}

// As in etcd, any user may: it touches no key.
bool grant_effects(std::string_view bytes, CommandEffects::Scratch* scratch, etcd::Effects*) {
  return parse(bytes, &std::get<etcdserverpb::LeaseGrantRequest>(scratch->messages));
}

// It deletes what is attached by now. What has expired, a leader says.
bool revoke_effects(std::string_view bytes, CommandEffects::Scratch* scratch, etcd::Effects* to) {
  auto& request = std::get<command::RevokeLeases>(scratch->messages);
  if (!parse(bytes, &request)) return false;
  if (request.expired_size() > 0) return cluster_only(bytes, scratch, to);
  to->push_back({etcd::Access::attach, {}, {}, request.id()});
  return true;
}

bool always(std::string_view) { return true; }
bool never(std::string_view) { return false; }

// As in etcd: a transaction that could put anything is a put.
bool if_it_could_put(std::string_view bytes) {
  etcdserverpb::TxnRequest request;
  return !parse(bytes, &request) || etcd::may_put(request);
}

using etcdserverpb::AlarmRequest;
using etcdserverpb::CompactionRequest;
using etcdserverpb::DeleteRangeRequest;
using etcdserverpb::PutRequest;
using etcdserverpb::TxnRequest;

template <class Request>
constexpr Row auth_row(CommandKind kind, bool (*may_grow)(std::string_view)) {
  return {kind, unchecked<Request, auth>, admin_only, may_grow, false};
}

constexpr Row kRows[] = {
    {CommandKind::put, checked<PutRequest>, effects_of<PutRequest>, always, true},
    {CommandKind::delete_range, checked<DeleteRangeRequest>, effects_of<DeleteRangeRequest>, never, true},
    {CommandKind::txn, checked<TxnRequest>, effects_of<TxnRequest>, if_it_could_put, true},
    {CommandKind::compaction, unchecked<CompactionRequest, compact>, effects_of<CompactionRequest>, never,
     true},
    {CommandKind::publish, unchecked<command::PublishMember, publish>, cluster_only, never, false},
    {CommandKind::lease_grant, grant, grant_effects, always, true},
    {CommandKind::lease_revoke, unchecked<command::RevokeLeases, revoke>, revoke_effects, never, true},
    {CommandKind::lease_checkpoint, unchecked<command::CheckpointLeases, checkpoint>, cluster_only, never,
     false},
    {CommandKind::alarm, unchecked<AlarmRequest, alarm>, effects_of<AlarmRequest>, never, false},
    auth_row<etcdserverpb::AuthEnableRequest>(CommandKind::auth_enable, never),
    auth_row<etcdserverpb::AuthDisableRequest>(CommandKind::auth_disable, never),
    auth_row<etcdserverpb::AuthUserAddRequest>(CommandKind::user_add, always),
    auth_row<etcdserverpb::AuthUserDeleteRequest>(CommandKind::user_delete, never),
    auth_row<etcdserverpb::AuthUserChangePasswordRequest>(CommandKind::user_change_password, never),
    auth_row<etcdserverpb::AuthUserGrantRoleRequest>(CommandKind::user_grant_role, never),
    auth_row<etcdserverpb::AuthUserRevokeRoleRequest>(CommandKind::user_revoke_role, never),
    auth_row<etcdserverpb::AuthRoleAddRequest>(CommandKind::role_add, always),
    auth_row<etcdserverpb::AuthRoleDeleteRequest>(CommandKind::role_delete, never),
    auth_row<etcdserverpb::AuthRoleGrantPermissionRequest>(CommandKind::role_grant_permission, always),
    auth_row<etcdserverpb::AuthRoleRevokePermissionRequest>(CommandKind::role_revoke_permission, never),
    {CommandKind::login, unchecked<command::Login, auth>, cluster_only, never, false},
};

constexpr bool has_a_row_for_each_kind() {
  if (std::size(kRows) + kFirstCommandField != static_cast<std::size_t>(CommandKind::end)) return false;
  for (std::size_t i = 0; i < std::size(kRows); ++i)
    if (static_cast<std::size_t>(kRows[i].kind) != i + kFirstCommandField) return false;
  return true;
}
static_assert(has_a_row_for_each_kind(), "every kind of command has a row, in the order of the enum");

// nullptr: of no kind that is known.
const Row* row_of(const CommandView& command) {
  const auto place =
      static_cast<std::size_t>(command.kind) - kFirstCommandField;  // wraps where there is none
  return place < std::size(kRows) ? &kRows[place] : nullptr;
}

}  // namespace

CommandEffects::CommandEffects() : scratch_(std::make_unique<Scratch>()) {}
CommandEffects::~CommandEffects() = default;

Outcome Commands::apply(const CommandView& command, bool with_body) {
  const Row* const row = row_of(command);
  if (row == nullptr) return refuse(not_understood(), storage_->store.revision());
  return row->apply(command.request,
                    {storage_, effects_.scratch(), {with_body, command.answer_bytes_max, command.lease}});
}

Result<etcd::Effects> CommandEffects::of(const CommandView& command) {
  const Row* const row = row_of(command);
  etcd::Effects effects;
  if (row == nullptr || !row->effects(command.request, scratch_.get(), &effects))
    return tl::unexpected(not_understood());
  return effects;
}

bool may_grow(const CommandView& command) {
  const Row* const row = row_of(command);
  return row != nullptr && row->may_grow(command.request);
}

std::optional<Reason> refused_by(const Alarms& alarms, const CommandView& command) {
  const Row* const row = row_of(command);
  if (row == nullptr) return std::nullopt;
  if (row->touches_keys && alarms.stands(AlarmKind::corrupt)) return Reason::corrupt;
  if (alarms.stands(AlarmKind::no_space) && row->may_grow(command.request)) return Reason::no_space;
  return std::nullopt;
}

}  // namespace cairn::mvcc
