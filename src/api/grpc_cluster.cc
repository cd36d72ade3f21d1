#include <algorithm>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "node/requests.h"
#include "node/status.h"

namespace cairn::api {
namespace {

mvcc::Outcome member_list(const node::MemberStatus& status, const mvcc::View& view) {
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

// What the member knows once it has caught up with the moment of the request.
class ListMembers final : public node::ReadResponder {
 public:
  ListMembers(std::shared_ptr<rpc::GrpcCall> call, node::Member& member)
      : call_(std::move(call)), member_(member) {}
  void ready(const mvcc::View&) override { ask(call_.take(), member_, member_list); }
  void failed(Error error) override { call_.take()->refuse(error); }

 private:
  CallToAnswer call_;
  node::Member& member_;
};

}  // namespace

void cluster_member_list(const GrpcContext& context) {
  etcdserverpb::MemberListRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (!request.linearizable()) return ask(context.call, context.member, member_list);
  context.member.read({.serializable = false,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = std::make_unique<ListMembers>(context.call, context.member)});
}

}  // namespace cairn::api
