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
    unary<CompactionRequest, CompactionResponse>("/etcdserverpb.KV/Compact", kv_compact,
                                                 Permission::by_effect, "kv/compaction"),
    stream<RangeRequest, RangeStreamResponse>("/etcdserverpb.KV/RangeStream", kv_range_stream,
                                              Permission::by_effect, ""),
    stream<WatchRequest, WatchResponse>("/etcdserverpb.Watch/Watch", api::watch, Permission::by_effect,
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
                                         Permission::anyone, "maintenance/status"),
    unary<AlarmRequest, AlarmResponse>("/etcdserverpb.Maintenance/Alarm", maintenance_alarm,
                                       Permission::anyone, "maintenance/alarm"),
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
                                                 maintenance_move_leader, Permission::admin,
                                                 "maintenance/transfer-leadership"),
    unary<DowngradeRequest, DowngradeResponse>("/etcdserverpb.Maintenance/Downgrade", maintenance_downgrade,
                                               Permission::admin, "maintenance/downgrade"),
    unary<MemberListRequest, MemberListResponse>("/etcdserverpb.Cluster/MemberList", cluster_member_list,
                                                 Permission::anyone, "cluster/member/list"),
    unary<MemberAddRequest, MemberAddResponse>("/etcdserverpb.Cluster/MemberAdd", cluster_member_add,
                                               Permission::admin, "cluster/member/add"),
    unary<MemberRemoveRequest, MemberRemoveResponse>("/etcdserverpb.Cluster/MemberRemove",
                                                     cluster_member_remove, Permission::admin,
                                                     "cluster/member/remove"),
    unary<MemberUpdateRequest, MemberUpdateResponse>("/etcdserverpb.Cluster/MemberUpdate",
                                                     cluster_member_update, Permission::admin,
                                                     "cluster/member/update"),
    unary<MemberPromoteRequest, MemberPromoteResponse>("/etcdserverpb.Cluster/MemberPromote",
                                                       cluster_member_promote, Permission::admin,
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
