#include "api/grpc_reply.h"
#include "api/grpc_services.h"
#include "api/version.h"

namespace cairn::api {

// Answers from this member alone, leader or not: that is what an operator asks a member in trouble.
void maintenance_status(const GrpcContext& context) {
  etcdserverpb::StatusRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  const node::MemberStatus status = context.member.status();
  const std::shared_ptr<const mvcc::View> view = context.member.view();
  etcdserverpb::StatusResponse response;
  response.set_version(kEtcdServerVersion);
  response.set_dbsize(static_cast<std::int64_t>(view->size_bytes()));
  response.set_dbsizeinuse(static_cast<std::int64_t>(view->size_bytes()));
  response.set_leader(status.leader.v);
  response.set_raftindex(status.commit.v);
  response.set_raftterm(status.term.v);
  response.set_raftappliedindex(status.applied.v);
  response.set_storageversion(kEtcdStorageVersion);
  if (status.leader.v == 0) response.add_errors("etcdserver: no leader");
  for (const raft::NodeId learner : status.members.learners)
    if (learner == status.id) response.set_islearner(true);
  answer(*context.call, context.member,
         {.code = Code::ok, .error = "", .revision = view->revision(), .body = response.SerializeAsString()});
}

// grpc.health.v1.Health/Check, written out: its response is one enum field.
void health_check(const GrpcContext& context) {
  constexpr std::string_view kServing("\x08\x01", 2);     // status = SERVING
  constexpr std::string_view kNotServing("\x08\x02", 2);  // status = NOT_SERVING
  if (!context.request.empty()) {                         // only the whole server, service "", is known
    context.call->finish(Code::not_found, "unknown service");
    return;
  }
  const bool serving = context.member.brief().leader.v != 0;
  context.call->send("", serving ? kServing : kNotServing);
  context.call->finish(Code::ok, "");
}

}  // namespace cairn::api
