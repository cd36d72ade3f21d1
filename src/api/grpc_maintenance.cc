#include <vector>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "api/grpc_write.h"
#include "api/health.h"
#include "api/version.h"
#include "etcd/reasons.h"
#include "node/status.h"
#include "proto/health.pb.h"

namespace cairn::api {

namespace {

using AlarmsShown = std::vector<etcdserverpb::AlarmMember>;

void show(std::uint64_t member, etcdserverpb::AlarmType type, AlarmsShown* to) {
  for (const etcdserverpb::AlarmMember& each : *to)
    if (each.memberid() == member && each.alarm() == type) return;
  to->emplace_back().set_memberid(member);
  to->back().set_alarm(type);
}

// Those that stand in the state, until somebody disarms them; and whose disk lacks room, which ends by
// itself. The leader knows of all disks.
AlarmsShown alarms_of(const node::MemberStatus& status, const mvcc::View& view) {
  AlarmsShown shown;
  for (const mvcc::Alarm& alarm : view.alarms())
    show(alarm.member, static_cast<etcdserverpb::AlarmType>(alarm.kind), &shown);
  if (status.space != raft::Space::plenty) show(status.id.v, etcdserverpb::NOSPACE, &shown);
  for (const node::FollowerStatus& follower : status.followers)
    if (follower.space != raft::Space::plenty) show(follower.id.v, etcdserverpb::NOSPACE, &shown);
  return shown;
}

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
  for (const etcdserverpb::AlarmMember& alarm : alarms_of(status, view))  // as etcd writes them
    response.add_errors("memberID:" + std::to_string(alarm.memberid()) +
                        " alarm:" + etcdserverpb::AlarmType_Name(alarm.alarm()) + " ");
  response.set_dbsizequota(static_cast<std::int64_t>(status.quota_bytes));
  for (const raft::NodeId learner : status.members.learners)
    if (learner == status.id) response.set_islearner(true);
  return {.code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
}

// Reads the state as it is by now, and then asks this member what else it knows.
class AlarmListing final : public node::ReadResponder {
 public:
  AlarmListing(const GrpcContext& context, etcdserverpb::AlarmType asked)
      : call_(std::make_shared<CallToAnswer>(context.call)), member_(context.member), asked_(asked) {}
  void ready(const mvcc::View& view) override {
    auto question = [call = call_, &member = member_, asked = asked_,
                     view = view.shared_from_this()](const node::Replica& replica) {
      return [call, &member, outcome = listed(asked, replica.status(), *view)] {
        answer(*call->take(), member, outcome);
      };
    };
    if (!member_.ask(std::move(question))) failed(etcd::error_of(Reason::too_many_requests));
  }
  void failed(Error error) override { call_->take()->refuse(error); }

 private:
  static mvcc::Outcome listed(etcdserverpb::AlarmType asked, const node::MemberStatus& status,
                              const mvcc::View& view) {
    etcdserverpb::AlarmResponse response;
    for (const etcdserverpb::AlarmMember& each : alarms_of(status, view))
      if (asked == etcdserverpb::NONE || asked == each.alarm()) *response.add_alarms() = each;
    return {.code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
  }

  const std::shared_ptr<CallToAnswer> call_;
  node::Member& member_;
  const etcdserverpb::AlarmType asked_;
};

}  // namespace

void maintenance_alarm(const GrpcContext& context) {
  etcdserverpb::AlarmRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (request.action() != etcdserverpb::AlarmRequest::GET)
    return propose(context, node::CommandKind::alarm, std::string(context.request));
  context.member.read({.serializable = false,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = std::make_unique<AlarmListing>(context, request.alarm())});
}

// Answers from this member alone, leader or not: that is what an operator asks a member in trouble.
void maintenance_status(const GrpcContext& context) {
  etcdserverpb::StatusRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  ask(context.call, context.member, status_outcome);
}

// Nothing has to be moved: what compaction removes is freed one by one, and the allocator gives it back to
// the system within seconds. As etcd's, the answer has no header.
void maintenance_defragment(const GrpcContext& context) {
  etcdserverpb::DefragmentRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  context.call->send("", "");
  context.call->finish(Code::ok, "");
}

// Of the whole state: members agree on it where they have applied the same. No other program's is like it.
void maintenance_hash(const GrpcContext& context) {
  etcdserverpb::HashRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  ask(context.call, context.member, [](const node::MemberStatus&, const mvcc::View& view) {
    etcdserverpb::HashResponse response;
    response.set_hash(static_cast<std::uint32_t>(view.state_hash()));
    return mvcc::Outcome{
        .code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
  });
}

// Of this member, as etcd's.
void maintenance_hash_kv(const GrpcContext& context) {
  etcdserverpb::HashKVRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  context.member.read({.serializable = true,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member,
                                                 [revision = request.revision()](const mvcc::View& view) {
                                                   return view.hash_kv(revision);
                                                 })});
}

// As etcd's, the answer has no header.
void maintenance_move_leader(const GrpcContext& context) {
  class Moved final : public node::WriteResponder {
   public:
    explicit Moved(std::shared_ptr<rpc::GrpcCall> call) : call_(std::move(call)) {}
    void done(mvcc::Outcome outcome) override {
      const auto call = call_.take();
      if (outcome.code != Code::ok) return call->refuse(outcome.refusal());
      call->send("", "");
      call->finish(Code::ok, "");
    }

   private:
    CallToAnswer call_;
  };
  etcdserverpb::MoveLeaderRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  context.member.move_leader({.to = request.targetid(),
                              .deadline = deadline_of(*context.call, context.config, context.member),
                              .responder = std::make_unique<Moved>(context.call)});
}

namespace {

// "3.5", of a version that is written as 3.5 or 3.5.0; empty: it is not.
std::string major_and_minor(std::string_view version) {
  std::size_t dots = 0;
  bool digit = false;
  std::size_t end = version.size();
  for (std::size_t i = 0; i < version.size(); ++i) {
    const char c = version[i];
    if (c == '.' && digit) {
      digit = false;
      if (++dots == 2) end = i;
    } else if (c >= '0' && c <= '9') {
      digit = true;
    } else {
      return "";
    }
  }
  return digit && (dots == 1 || dots == 2) ? std::string(version.substr(0, end)) : "";
}

}  // namespace

// There is one version of the API to be had here, and nothing to go down to or to be called off.
void maintenance_downgrade(const GrpcContext& context) {
  etcdserverpb::DowngradeRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (request.action() == etcdserverpb::DowngradeRequest::CANCEL)
    return context.call->refuse(etcd::error_of(Reason::no_downgrade));
  const std::string target = major_and_minor(request.version());
  if (target.empty()) return context.call->refuse(etcd::error_of(Reason::wrong_downgrade_format));
  if (target != major_and_minor(kEtcdClusterVersion))
    return context.call->refuse(etcd::error_of(Reason::invalid_downgrade_version));
  ask(context.call, context.member, [](const node::MemberStatus&, const mvcc::View& view) {
    etcdserverpb::DowngradeResponse response;
    response.set_version(major_and_minor(kEtcdClusterVersion));
    return mvcc::Outcome{
        .code = Code::ok, .error = "", .revision = view.revision(), .body = response.SerializeAsString()};
  });
}

// Ours is the whole server alone, service "".
void health_check(const GrpcContext& context) {
  grpc::health::v1::HealthCheckRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (!request.service().empty()) return context.call->finish(Code::not_found, "unknown service");
  const auto call = std::make_shared<CallToAnswer>(context.call);
  const bool is_asked = context.member.ask([call](const node::Replica& replica) {
    return [call, serves = replica.status().leader.v != 0] {
      const auto answered = call->take();
      answered->send("", health_of(serves));
      answered->finish(Code::ok, "");
    };
  });
  if (!is_asked) call->take()->refuse(etcd::error_of(Reason::too_many_requests));
}

}  // namespace cairn::api
