// The gRPC methods that a member serves: one table, a row each. Whoever adds a method adds its row: the
// server answers it, its calls are counted, and whatever else goes by methods (the JSON gateway, users'
// permissions) finds it there.
#pragma once

#include <google/protobuf/descriptor.h>

#include <memory>
#include <span>
#include <string_view>

#include "api/api.h"
#include "api/guard.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

// Messages parsed only to be checked; kept between calls so that their memory is reused.
struct Scratch {
  etcdserverpb::PutRequest put;
  etcdserverpb::DeleteRangeRequest delete_range;
  etcdserverpb::TxnRequest txn;
  etcdserverpb::CompactionRequest compaction;
};

class Backups;
class HealthWatches;
class KeepAlives;
class QueueCalls;
class Watches;

struct GrpcContext {
  const Config& config;
  Guard& member;
  Scratch& scratch;
  Watches& watches;
  HealthWatches& health;
  KeepAlives& keep_alives;
  Backups& backups;
  QueueCalls& queue_calls;
  std::shared_ptr<rpc::GrpcCall> call;
  std::string_view request;  // of a unary call
};

// Whom a method serves, once there are users. Every row says so; beside it, the member as its handler has it
// refuses what the caller may not (api/guard.h).
enum class Permission {
  anyone,      // also who says nothing of who they are: it tells nothing of the data
  user,        // any
  by_effect,   // any, who may do to the keys named in the request what it would do to them
  by_message,  // the same of each message of a stream, whose refusals are messages of it
  admin,       // who has etcd's role root
  // The same, as users are once the cluster has been asked: what it does goes through no log, where whoever
  // applies it would ask again.
  admin_by_now,
};

struct Method : rpc::Method {
  // Answers the call now or later, exactly once. Of a unary method.
  void (*run)(const GrpcContext&) = nullptr;
  // Of a streaming one. Null when the call has been finished at once.
  std::unique_ptr<rpc::GrpcStream> (*open)(const GrpcContext&) = nullptr;
  const google::protobuf::Descriptor* (*request)() = nullptr;
  const google::protobuf::Descriptor* (*answer)() = nullptr;
  Permission permission = Permission::admin;
  // A stream on which the server answers once: to its clients a unary method. It is one here because it
  // lasts, and has to hear when its client goes away.
  bool one_answer = false;
  std::string_view gateway{};  // its path behind "/v3/"; empty: the JSON gateway does not have it
};

std::span<const Method> methods();
const Method* find_method(std::string_view path);
bool knows_service(std::string_view service);

// ---- what the rows name, in the files of their services ----

void kv_range(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> kv_range_stream(const GrpcContext& context);
void kv_put(const GrpcContext& context);
void kv_delete_range(const GrpcContext& context);
void kv_txn(const GrpcContext& context);
void kv_compact(const GrpcContext& context);
void lease_grant(const GrpcContext& context);
void lease_revoke(const GrpcContext& context);
void lease_time_to_live(const GrpcContext& context);
void lease_leases(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> lease_keep_alive(const GrpcContext& context);
void maintenance_status(const GrpcContext& context);
void maintenance_alarm(const GrpcContext& context);
void cluster_member_list(const GrpcContext& context);
void cluster_member_add(const GrpcContext& context);
void cluster_member_remove(const GrpcContext& context);
void cluster_member_update(const GrpcContext& context);
void cluster_member_promote(const GrpcContext& context);
void maintenance_defragment(const GrpcContext& context);
void maintenance_hash(const GrpcContext& context);
void maintenance_hash_kv(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> maintenance_snapshot(const GrpcContext& context);
void maintenance_move_leader(const GrpcContext& context);
void maintenance_downgrade(const GrpcContext& context);
void health_check(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> health_watch(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> reflection(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> reflection_v1alpha(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> watch(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> lock_lock(const GrpcContext& context);
void lock_unlock(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> election_campaign(const GrpcContext& context);
void election_proclaim(const GrpcContext& context);
void election_leader(const GrpcContext& context);
std::unique_ptr<rpc::GrpcStream> election_observe(const GrpcContext& context);
void election_resign(const GrpcContext& context);
void auth_enable(const GrpcContext& context);
void auth_disable(const GrpcContext& context);
void auth_status(const GrpcContext& context);
void authenticate(const GrpcContext& context);
void auth_user_add(const GrpcContext& context);
void auth_user_get(const GrpcContext& context);
void auth_user_list(const GrpcContext& context);
void auth_user_delete(const GrpcContext& context);
void auth_user_change_password(const GrpcContext& context);
void auth_user_grant_role(const GrpcContext& context);
void auth_user_revoke_role(const GrpcContext& context);
void auth_role_add(const GrpcContext& context);
void auth_role_get(const GrpcContext& context);
void auth_role_list(const GrpcContext& context);
void auth_role_delete(const GrpcContext& context);
void auth_role_grant_permission(const GrpcContext& context);
void auth_role_revoke_permission(const GrpcContext& context);

// For a lease whose client leaves the choice to the server: positive.
std::int64_t random_lease_id(const Config& config);

}  // namespace cairn::api
