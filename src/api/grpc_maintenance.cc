#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "api/version.h"
#include "etcd/reasons.h"
#include "node/status.h"

namespace cairn::api {

namespace {

mvcc::Outcome status_outcome(const node::MemberStatus& status, const mvcc::View& view) {
  etcdserverpb::StatusResponse response;
  response.set_version(kEtcdServerVersion);
  response.set_dbsize(static_cast<std::int64_t>(view.size_bytes()));
  response.set_dbsizeinuse(static_cast<std::int64_t>(view.size_in_use_bytes()));
  response.set_leader(status.leader.v);
  response.set_raftindex(status.commit.v);
  response.set_raftterm(status.term.v);
  response.set_raftappliedindex(status.applied.v);
  response.set_storageversion(kEtcdStorageVersion);
  if (status.leader.v == 0) response.add_errors(std::string(etcd::row_of(Reason::no_leader).text));
  if (status.space != raft::Space::plenty)  // as etcd writes its alarm
    response.add_errors("memberID:" + std::to_string(status.id.v) + " alarm:NOSPACE ");
  for (const raft::NodeId learner : status.members.learners)
    if (learner == status.id) response.set_islearner(true);
  return {.code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
}

// A shortage is what it is: it begins and ends by itself, nobody has to disarm it. The leader knows of all.
mvcc::Outcome alarms_outcome(const node::MemberStatus& status, const mvcc::View& view) {
  etcdserverpb::AlarmResponse response;
  const auto add = [&response](raft::NodeId member, raft::Space space) {
    if (space == raft::Space::plenty) return;
    etcdserverpb::AlarmMember& alarm = *response.add_alarms();
    alarm.set_memberid(member.v);
    alarm.set_alarm(etcdserverpb::NOSPACE);
  };
  add(status.id, status.space);
  for (const node::FollowerStatus& follower : status.followers) add(follower.id, follower.space);
  return {.code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
}

mvcc::Outcome no_alarms_outcome(const node::MemberStatus&, const mvcc::View& view) {
  return {.code = Code::ok, .error = "", .revision = view.revision(), .body = {}};
}

}  // namespace

// What etcdctl's "endpoint health", "alarm list" and "alarm disarm" ask.
void maintenance_alarm(const GrpcContext& context) {
  etcdserverpb::AlarmRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (request.action() == etcdserverpb::AlarmRequest::ACTIVATE)
    return context.call->finish(Code::unimplemented,
                                "cairn: an alarm cannot be raised by hand: members raise NOSPACE when their "
                                "disk is full, and end it when there is room again");
  const bool lists =
      request.action() == etcdserverpb::AlarmRequest::GET && request.alarm() != etcdserverpb::CORRUPT;
  ask(context.call, context.member, lists ? alarms_outcome : no_alarms_outcome);
}

// Answers from this member alone, leader or not: that is what an operator asks a member in trouble.
void maintenance_status(const GrpcContext& context) {
  etcdserverpb::StatusRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  ask(context.call, context.member, status_outcome);
}

// grpc.health.v1.Health/Check, written out: its response is one enum field.
void health_check(const GrpcContext& context) {
  constexpr std::string_view kServing("\x08\x01", 2);     // status = SERVING
  constexpr std::string_view kNotServing("\x08\x02", 2);  // status = NOT_SERVING
  if (!context.request.empty()) {                         // only the whole server, service "", is known
    context.call->finish(Code::not_found, "unknown service");
    return;
  }
  const auto call = std::make_shared<CallToAnswer>(context.call);
  const bool is_asked = context.member.ask([call, kServing, kNotServing](const node::Replica& replica) {
    return [call, status = replica.status().leader.v != 0 ? kServing : kNotServing] {
      const auto answered = call->take();
      answered->send("", status);
      answered->finish(Code::ok, "");
    };
  });
  if (!is_asked) call->take()->refuse(etcd::error_of(Reason::too_many_requests));
}

}  // namespace cairn::api
