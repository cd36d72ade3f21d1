#include "api/grpc_methods.h"

#include <array>

#include "proto/election.pb.h"
#include "proto/lock.pb.h"

namespace cairn::api {
namespace {

template <class Request, class Answer>
constexpr Method unary(std::string_view path, void (*run)(const GrpcContext&), Permission permission,
                       std::string_view gateway) {
  return {{path, rpc::MethodKind::unary},
          run,
          nullptr,
          &Request::descriptor,
          &Answer::descriptor,
          permission,
          false,
          gateway};
}

template <class Request, class Answer>
constexpr Method stream(std::string_view path, std::unique_ptr<rpc::GrpcStream> (*open)(const GrpcContext&),
                        Permission permission, std::string_view gateway) {
  return {{path, rpc::MethodKind::stream},
          nullptr,
          open,
          &Request::descriptor,
          &Answer::descriptor,
          permission,
          false,
          gateway};
}

template <class Request, class Answer>
constexpr Method waiting(std::string_view path, std::unique_ptr<rpc::GrpcStream> (*open)(const GrpcContext&),
                         Permission permission, std::string_view gateway) {
  Method method = stream<Request, Answer>(path, open, permission, gateway);
  method.one_answer = true;
  return method;
}

// The descriptors are null where etcd's JSON gateway has no such method.
constexpr Method beside_etcd(std::string_view path, void (*run)(const GrpcContext&)) {
  return {{path, rpc::MethodKind::unary}, run, nullptr, nullptr, nullptr, Permission::anyone, false, {}};
}
constexpr Method beside_etcd(std::string_view path,
                             std::unique_ptr<rpc::GrpcStream> (*open)(const GrpcContext&)) {
  return {{path, rpc::MethodKind::stream}, nullptr, open, nullptr, nullptr, Permission::anyone, false, {}};
}

using namespace etcdserverpb;  // NOLINT: the messages of nearly every row

// The frequent ones first: a call's row is looked for once, from the top.
constexpr std::array kMethods = {
    unary<PutRequest, PutResponse>("/etcdserverpb.KV/Put", kv_put, Permission::by_effect, "kv/put"),
    unary<RangeRequest, RangeResponse>("/etcdserverpb.KV/Range", kv_range, Permission::by_effect, "kv/range"),
    unary<TxnRequest, TxnResponse>("/etcdserverpb.KV/Txn", kv_txn, Permission::by_effect, "kv/txn"),
    unary<DeleteRangeRequest, DeleteRangeResponse>("/etcdserverpb.KV/DeleteRange", kv_delete_range,
                                                   Permission::by_effect, "kv/deleterange"),
    unary<CompactionRequest, CompactionResponse>("/etcdserverpb.KV/Compact", kv_compact, Permission::admin,
                                                 "kv/compaction"),
    stream<RangeRequest, RangeStreamResponse>("/etcdserverpb.KV/RangeStream", kv_range_stream,
                                              Permission::by_effect, ""),
    stream<WatchRequest, WatchResponse>("/etcdserverpb.Watch/Watch", api::watch, Permission::by_message,
                                        "watch"),
    stream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>(
        "/etcdserverpb.Lease/LeaseKeepAlive", lease_keep_alive, Permission::by_effect, "lease/keepalive"),
    unary<LeaseGrantRequest, LeaseGrantResponse>("/etcdserverpb.Lease/LeaseGrant", lease_grant,
                                                 Permission::by_effect, "lease/grant"),
    unary<LeaseRevokeRequest, LeaseRevokeResponse>("/etcdserverpb.Lease/LeaseRevoke", lease_revoke,
                                                   Permission::by_effect, "lease/revoke"),
    unary<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse>(
        "/etcdserverpb.Lease/LeaseTimeToLive", lease_time_to_live, Permission::by_effect, "lease/timetolive"),
    unary<LeaseLeasesRequest, LeaseLeasesResponse>("/etcdserverpb.Lease/LeaseLeases", lease_leases,
                                                   Permission::by_effect, "lease/leases"),
    unary<StatusRequest, StatusResponse>("/etcdserverpb.Maintenance/Status", maintenance_status,
                                         Permission::user, "maintenance/status"),
    unary<AlarmRequest, AlarmResponse>("/etcdserverpb.Maintenance/Alarm", maintenance_alarm,
                                       Permission::by_effect, "maintenance/alarm"),
    unary<DefragmentRequest, DefragmentResponse>("/etcdserverpb.Maintenance/Defragment",
                                                 maintenance_defragment, Permission::admin,
                                                 "maintenance/defragment"),
    unary<HashRequest, HashResponse>("/etcdserverpb.Maintenance/Hash", maintenance_hash, Permission::admin,
                                     "maintenance/hash"),
    unary<HashKVRequest, HashKVResponse>("/etcdserverpb.Maintenance/HashKV", maintenance_hash_kv,
                                         Permission::admin, "maintenance/hashkv"),
    stream<SnapshotRequest, SnapshotResponse>("/etcdserverpb.Maintenance/Snapshot", maintenance_snapshot,
                                              Permission::admin, "maintenance/snapshot"),
    unary<MoveLeaderRequest, MoveLeaderResponse>("/etcdserverpb.Maintenance/MoveLeader",
                                                 maintenance_move_leader, Permission::admin_by_now,
                                                 "maintenance/transfer-leadership"),
    unary<DowngradeRequest, DowngradeResponse>("/etcdserverpb.Maintenance/Downgrade", maintenance_downgrade,
                                               Permission::admin, "maintenance/downgrade"),
    unary<MemberListRequest, MemberListResponse>("/etcdserverpb.Cluster/MemberList", cluster_member_list,
                                                 Permission::user, "cluster/member/list"),
    unary<MemberAddRequest, MemberAddResponse>("/etcdserverpb.Cluster/MemberAdd", cluster_member_add,
                                               Permission::admin_by_now, "cluster/member/add"),
    unary<MemberRemoveRequest, MemberRemoveResponse>("/etcdserverpb.Cluster/MemberRemove",
                                                     cluster_member_remove, Permission::admin_by_now,
                                                     "cluster/member/remove"),
    unary<MemberUpdateRequest, MemberUpdateResponse>("/etcdserverpb.Cluster/MemberUpdate",
                                                     cluster_member_update, Permission::admin_by_now,
                                                     "cluster/member/update"),
    unary<MemberPromoteRequest, MemberPromoteResponse>("/etcdserverpb.Cluster/MemberPromote",
                                                       cluster_member_promote, Permission::admin_by_now,
                                                       "cluster/member/promote"),
    waiting<v3lockpb::LockRequest, v3lockpb::LockResponse>("/v3lockpb.Lock/Lock", lock_lock,
                                                           Permission::by_effect, "lock/lock"),
    unary<v3lockpb::UnlockRequest, v3lockpb::UnlockResponse>("/v3lockpb.Lock/Unlock", lock_unlock,
                                                             Permission::by_effect, "lock/unlock"),
    waiting<v3electionpb::CampaignRequest, v3electionpb::CampaignResponse>(
        "/v3electionpb.Election/Campaign", election_campaign, Permission::by_effect, "election/campaign"),
    unary<v3electionpb::ProclaimRequest, v3electionpb::ProclaimResponse>(
        "/v3electionpb.Election/Proclaim", election_proclaim, Permission::by_effect, "election/proclaim"),
    unary<v3electionpb::LeaderRequest, v3electionpb::LeaderResponse>(
        "/v3electionpb.Election/Leader", election_leader, Permission::by_effect, "election/leader"),
    stream<v3electionpb::LeaderRequest, v3electionpb::LeaderResponse>(
        "/v3electionpb.Election/Observe", election_observe, Permission::by_effect, "election/observe"),
    unary<v3electionpb::ResignRequest, v3electionpb::ResignResponse>(
        "/v3electionpb.Election/Resign", election_resign, Permission::by_effect, "election/resign"),
    unary<AuthEnableRequest, AuthEnableResponse>("/etcdserverpb.Auth/AuthEnable", auth_enable,
                                                 Permission::admin, "auth/enable"),
    unary<AuthDisableRequest, AuthDisableResponse>("/etcdserverpb.Auth/AuthDisable", auth_disable,
                                                   Permission::admin, "auth/disable"),
    unary<AuthStatusRequest, AuthStatusResponse>("/etcdserverpb.Auth/AuthStatus", auth_status,
                                                 Permission::anyone, "auth/status"),
    unary<AuthenticateRequest, AuthenticateResponse>("/etcdserverpb.Auth/Authenticate", api::authenticate,
                                                     Permission::anyone, "auth/authenticate"),
    unary<AuthUserAddRequest, AuthUserAddResponse>("/etcdserverpb.Auth/UserAdd", auth_user_add,
                                                   Permission::admin, "auth/user/add"),
    unary<AuthUserGetRequest, AuthUserGetResponse>("/etcdserverpb.Auth/UserGet", auth_user_get,
                                                   Permission::user, "auth/user/get"),
    unary<AuthUserListRequest, AuthUserListResponse>("/etcdserverpb.Auth/UserList", auth_user_list,
                                                     Permission::admin, "auth/user/list"),
    unary<AuthUserDeleteRequest, AuthUserDeleteResponse>("/etcdserverpb.Auth/UserDelete", auth_user_delete,
                                                         Permission::admin, "auth/user/delete"),
    unary<AuthUserChangePasswordRequest, AuthUserChangePasswordResponse>(
        "/etcdserverpb.Auth/UserChangePassword", auth_user_change_password, Permission::admin,
        "auth/user/changepw"),
    unary<AuthUserGrantRoleRequest, AuthUserGrantRoleResponse>(
        "/etcdserverpb.Auth/UserGrantRole", auth_user_grant_role, Permission::admin, "auth/user/grant"),
    unary<AuthUserRevokeRoleRequest, AuthUserRevokeRoleResponse>(
        "/etcdserverpb.Auth/UserRevokeRole", auth_user_revoke_role, Permission::admin, "auth/user/revoke"),
    unary<AuthRoleAddRequest, AuthRoleAddResponse>("/etcdserverpb.Auth/RoleAdd", auth_role_add,
                                                   Permission::admin, "auth/role/add"),
    unary<AuthRoleGetRequest, AuthRoleGetResponse>("/etcdserverpb.Auth/RoleGet", auth_role_get,
                                                   Permission::user, "auth/role/get"),
    unary<AuthRoleListRequest, AuthRoleListResponse>("/etcdserverpb.Auth/RoleList", auth_role_list,
                                                     Permission::admin, "auth/role/list"),
    unary<AuthRoleDeleteRequest, AuthRoleDeleteResponse>("/etcdserverpb.Auth/RoleDelete", auth_role_delete,
                                                         Permission::admin, "auth/role/delete"),
    unary<AuthRoleGrantPermissionRequest, AuthRoleGrantPermissionResponse>(
        "/etcdserverpb.Auth/RoleGrantPermission", auth_role_grant_permission, Permission::admin,
        "auth/role/grant"),
    unary<AuthRoleRevokePermissionRequest, AuthRoleRevokePermissionResponse>(
        "/etcdserverpb.Auth/RoleRevokePermission", auth_role_revoke_permission, Permission::admin,
        "auth/role/revoke"),
    beside_etcd("/grpc.health.v1.Health/Check", health_check),
    beside_etcd("/grpc.health.v1.Health/Watch", health_watch),
    beside_etcd("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", reflection),
    beside_etcd("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", reflection_v1alpha),
};

}  // namespace

std::span<const Method> methods() { return kMethods; }

const Method* find_method(std::string_view path) {
  for (const Method& method : kMethods)
    if (method.path == path) return &method;
  return nullptr;
}

bool knows_service(std::string_view service) {
  for (const Method& method : kMethods)
    if (rpc::service_of(method.path) == service) return true;
  return false;
}

}  // namespace cairn::api
