#include <algorithm>
#include <charconv>
#include <set>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "node/change_membership.h"
#include "node/requests.h"
#include "node/status.h"
#include "proto/command.pb.h"

namespace cairn::api {
namespace {

using node::MembershipKind;
using node::MembershipRefusal;

// A member of the view as the messages of this service have it.
void add_members(const node::MemberStatus& status, const mvcc::View& view,
                 google::protobuf::RepeatedPtrField<etcdserverpb::Member>* to) {
  for (const auto& [id, info] : view.members()) {
    etcdserverpb::Member* member = to->Add();
    member->set_id(id);
    member->set_name(info.name);
    for (const std::string& url : info.peer_urls) member->add_peerurls(url);
    for (const std::string& url : info.client_urls) member->add_clienturls(url);
    const auto& learners = status.members.learners;
    member->set_islearner(std::find(learners.begin(), learners.end(), raft::NodeId(id)) != learners.end());
  }
}

mvcc::Outcome member_list(const node::MemberStatus& status, const mvcc::View& view) {
  etcdserverpb::MemberListResponse response;
  add_members(status, view, response.mutable_members());
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

// ---- changes ----

bool is_number(std::string_view text, int max) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 && number <= max;
}

constexpr std::string_view kPlain = "http://", kSecure = "https://";

// As the others will dial it: http://HOST:PORT, or https.
bool is_peer_url(std::string_view url) {
  const std::string_view scheme = url.starts_with(kSecure) ? kSecure : kPlain;
  if (!url.starts_with(scheme)) return false;
  url.remove_prefix(scheme.size());
  const std::size_t colon = url.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  return url.substr(0, colon).find_first_of("/?#@ \t\r\n") == std::string_view::npos &&
         is_number(url.substr(colon + 1), 65535);
}

Status check_peer_urls(const google::protobuf::RepeatedPtrField<std::string>& urls,
                       const mvcc::MemberMap& members, std::uint64_t of) {
  const std::set<std::string> given(urls.begin(), urls.end());
  if (given.empty() || static_cast<int>(given.size()) != urls.size() ||
      !std::all_of(given.begin(), given.end(), is_peer_url))
    return fail(Reason::member_urls_invalid);
  const bool is_secure = given.begin()->starts_with(kSecure);
  if (given.rbegin()->starts_with(kSecure) != is_secure) return fail(Reason::member_urls_invalid);
  for (const auto& [id, member] : members)
    for (const std::string& url : member.peer_urls) {
      if (id != of && given.contains(url)) return fail(Reason::peer_url_exists);
      // Every member calls all others in the way that it is called itself.
      if (id != of && url.starts_with(kSecure) != is_secure) return fail(Reason::member_urls_invalid);
    }
  return {};
}

Error error_of(const node::MembershipOutcome& outcome) {
  if (outcome.kind == node::MembershipOutcome::Kind::unknown) return etcd::error_of(Reason::timed_out);
  switch (outcome.refusal) {
    case MembershipRefusal::no_member:
      return etcd::error_of(Reason::member_not_found);
    case MembershipRefusal::already_member:
      return etcd::error_of(Reason::member_exists);
    case MembershipRefusal::no_learner:
      return etcd::error_of(Reason::member_not_learner);
    case MembershipRefusal::not_caught_up:
      return etcd::error_of(Reason::learner_not_ready);
    case MembershipRefusal::no_quorum:
      return etcd::error_of(Reason::unhealthy_cluster);
    case MembershipRefusal::nobody_votes:
      return etcd::error_of(Reason::not_enough_started);
    case MembershipRefusal::address_taken:
      return etcd::error_of(Reason::peer_url_exists);
    case MembershipRefusal::many_learners:
      return etcd::error_of(Reason::too_many_learners);
    case MembershipRefusal::busy:
    case MembershipRefusal::overloaded:
      return etcd::error_of(Reason::too_many_requests);
    case MembershipRefusal::no_leader:
    case MembershipRefusal::not_leader:
    case MembershipRefusal::overtaken:
      return etcd::error_of(Reason::no_leader);
    default:
      return {Code::invalid_argument, "cairn: " + outcome.why};
  }
}

using Respond = std::function<std::string(const node::MemberStatus&, const mvcc::View&)>;

// Tells who asked, from a state that has the change.
void answer_with_members(std::shared_ptr<CallToAnswer> call, node::Member& member, Respond respond) {
  const bool is_asked =
      member.ask([call, &member, respond = std::move(respond)](const node::Replica& replica) {
        return [call, &member, respond, status = replica.status(), view = replica.view()] {
          answer(*call->take(), member,
                 {.code = Code::ok, .error = "", .revision = 0, .body = respond(status, *view)});
        };
      });
  if (!is_asked) call->take()->refuse(etcd::error_of(Reason::timed_out));  // it has happened
}

class Changed final : public node::ReadResponder {
 public:
  Changed(std::shared_ptr<CallToAnswer> call, node::Member& member, Respond respond)
      : call_(std::move(call)), member_(member), respond_(std::move(respond)) {}
  void ready(const mvcc::View&) override { answer_with_members(call_, member_, respond_); }
  void failed(Error) override { call_->take()->refuse(etcd::error_of(Reason::timed_out)); }

 private:
  const std::shared_ptr<CallToAnswer> call_;
  node::Member& member_;
  const Respond respond_;
};

void change(const GrpcContext& context, node::ChangeMembership change, Respond respond) {
  change.deadline = deadline_of(*context.call, context.config, context.member);
  auto call = std::make_shared<CallToAnswer>(context.call);
  change.done = [call, &member = context.member, deadline = change.deadline,
                 respond = std::move(respond)](const node::MembershipOutcome& outcome) {
    if (outcome.kind != node::MembershipOutcome::Kind::made) return call->take()->refuse(error_of(outcome));
    member.read({.serializable = false,
                 .deadline = deadline,
                 .responder = std::make_unique<Changed>(call, member, respond)});
  };
  context.member.change_members(std::move(change));
}

template <class Response>
std::string members_of(const node::MemberStatus& status, const mvcc::View& view) {
  Response response;
  add_members(status, view, response.mutable_members());
  return response.SerializeAsString();
}

// A configuration's text about a member. Its name and client URLs it publishes itself.
std::string about(std::uint64_t id, const std::string& name,
                  const google::protobuf::RepeatedPtrField<std::string>& peer_urls, bool votes_when_ready) {
  command::PublishMember said;
  said.set_id(id);
  said.set_name(name);
  *said.mutable_peer_urls() = peer_urls;
  said.set_votes_when_ready(votes_when_ready);
  return said.SerializeAsString();
}

}  // namespace

// Who is to vote begins as a learner, too, and is promoted once it has caught up: nobody waits for it
// meanwhile, and a member that never comes costs no quorum.
void cluster_member_add(const GrpcContext& context) {
  etcdserverpb::MemberAddRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (const Status valid = check_peer_urls(request.peerurls(), *context.member.members(), 0); !valid)
    return context.call->refuse(valid.error());
  std::uint64_t id = 0;
  while (id == 0) id = context.config.random();
  change(context,
         {.kind = MembershipKind::add_learner,
          .member = raft::NodeId{id},
          .replaced = {},
          .about = about(id, "", request.peerurls(), !request.islearner()),
          .deadline = {},
          .done = {}},
         [id](const node::MemberStatus& status, const mvcc::View& view) {
           etcdserverpb::MemberAddResponse response;
           add_members(status, view, response.mutable_members());
           for (const etcdserverpb::Member& each : response.members())
             if (each.id() == id) *response.mutable_member() = each;
           return response.SerializeAsString();
         });
}

void cluster_member_remove(const GrpcContext& context) {
  etcdserverpb::MemberRemoveRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  change(context,
         {.kind = MembershipKind::remove,
          .member = raft::NodeId{request.id()},
          .replaced = {},
          .about = {},
          .deadline = {},
          .done = {}},
         members_of<etcdserverpb::MemberRemoveResponse>);
}

void cluster_member_promote(const GrpcContext& context) {
  etcdserverpb::MemberPromoteRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  change(context,
         {.kind = MembershipKind::promote,
          .member = raft::NodeId{request.id()},
          .replaced = {},
          .about = {},
          .deadline = {},
          .done = {}},
         members_of<etcdserverpb::MemberPromoteResponse>);
}

// Whether it is to vote is said in the configuration, which only the member's own thread knows.
void cluster_member_update(const GrpcContext& context) {
  etcdserverpb::MemberUpdateRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  const auto members = context.member.members();
  const auto known = members->find(request.id());
  if (known == members->end()) return context.call->refuse(etcd::error_of(Reason::member_not_found));
  if (const Status valid = check_peer_urls(request.peerurls(), *members, request.id()); !valid)
    return context.call->refuse(valid.error());
  change(context,
         {.kind = MembershipKind::update,
          .member = raft::NodeId{request.id()},
          .replaced = {},
          .about = about(request.id(), known->second.name, request.peerurls(), false),
          .deadline = {},
          .done = {}},
         members_of<etcdserverpb::MemberUpdateResponse>);
}

void cluster_member_list(const GrpcContext& context) {
  etcdserverpb::MemberListRequest request;
  if (!parse_or_finish(*context.call, context.request, &request)) return;
  if (!request.linearizable()) return ask(context.call, context.member, member_list);
  context.member.read({.serializable = false,
                       .deadline = deadline_of(*context.call, context.config, context.member),
                       .responder = std::make_unique<ListMembers>(context.call, context.member)});
}

}  // namespace cairn::api
