#include <algorithm>

#include "api/grpc_reply.h"
#include "api/grpc_services.h"

namespace cairn::api {
namespace {

mvcc::Outcome member_list(const mvcc::View& view, const node::MemberStatus& status) {
  etcdserverpb::MemberListResponse response;
  for (const auto& [id, info] : view.members()) {
    etcdserverpb::Member* member = response.add_members();
    member->set_id(id);
    member->set_name(info.name);
    for (const std::string& url : info.peer_urls) member->add_peerurls(url);
    for (const std::string& url : info.client_urls) member->add_clienturls(url);
    const auto& learners = status.members.learners;
    member->set_islearner(std::find(learners.begin(), learners.end(), raft::NodeId(id)) != learners.end());
  }
  // Cluster calls carry no revision, as in etcd.
  return {.code = Code::ok, .error = "", .revision = 0, .body = response.SerializeAsString()};
}

}  // namespace

void cluster_member_list(const GrpcContext& context) {
  etcdserverpb::MemberListRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  auto query = [&member = context.member](const mvcc::View& view) {
    return member_list(view, member.status());
  };
  context.member.read({.serializable = !request.linearizable(),
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = respond_with(context.call, context.member, std::move(query))});
}

}  // namespace cairn::api
