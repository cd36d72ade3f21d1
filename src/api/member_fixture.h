// For tests: a member without a cluster. A real state machine, whose writes apply at once; leadership, reads
// and failures are what the test says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "base/codec.h"
#include "mvcc/state_machine.h"
#include "node/change_membership.h"
#include "node/member.h"
#include "node/requests.h"
#include "node/status.h"
#include "proto/command.pb.h"
#include "rpc/handler.h"

namespace cairn::api {

class FakeMember final : public node::Member, public node::Replica, private mvcc::ApplySink {
 public:
  explicit FakeMember(mvcc::Limits limits = {.sessions_max = 1})
      : machine_({{1, "n1", {"http://127.0.0.1:2380"}, {"http://127.0.0.1:2379"}},
                  {2, "n2", {"http://127.0.0.1:2382"}, {"http://127.0.0.1:2381/"}}},
                 limits) {}

  std::uint64_t leader = 1, self = 1;
  bool full = true;
  bool heard = true;            // the other one
  std::optional<bool> active;   // of the other one; null: as `heard`
  std::optional<bool> current;  // likewise
  std::optional<node::DiskUse> disk;
  std::string stuck;                  // the other one, if not empty
  std::string role;                   // empty: leader or follower, as `leader` says
  Error refuse_writes{Code::ok, ""};  // not ok: every write ends so
  Error refuse_reads{Code::ok, ""};   // not ok: every linearizable read ends so
  bool drop_requests = false;         // destroys them unanswered
  bool hold_writes = false;           // keeps them in held_writes
  std::vector<node::ClientWrite> held_writes;
  std::vector<std::pair<node::CommandKind, std::string>> writes;
  int linearizable_reads = 0, local_reads = 0;
  Time last_deadline, last_leader_deadline;

  Duration passed{};  // since the beginning

  Time now() const override { return Time(std::chrono::seconds(1000)) + passed; }
  void write(node::ClientWrite request) override {
    last_deadline = request.deadline;
    last_leader_deadline = request.leader_deadline;
    if (drop_requests) return;
    if (hold_writes) return held_writes.push_back(std::move(request));
    if (refuse_writes.code != Code::ok) return request.responder->done(mvcc::refuse(refuse_writes));
    writes.emplace_back(request.kind, request.request);
    command::Command command;
    command.set_request_id(++next_request_);
    command.set_idempotency_key(request.idempotency_key);
    command.set_idempotency_revision(request.idempotency_revision);
    if (request.caller.kind == mvcc::Caller::Kind::cluster) command.mutable_caller()->set_cluster(true);
    if (request.caller.kind == mvcc::Caller::Kind::user) {
      command.mutable_caller()->set_user(request.caller.user);
      command.mutable_caller()->set_auth_revision(request.caller.auth_revision);
    }
    std::string bytes = command.SerializeAsString();
    if (request.lease != mvcc::LeaseChoice{}) {
      command::Command lease;
      lease.mutable_lease()->set_id(request.lease.id);
      lease.mutable_lease()->set_ttl(request.lease.ttl_s);
      bytes += lease.SerializeAsString();
    }
    append_field(static_cast<std::uint32_t>(request.kind), request.request, &bytes);
    command::Batch head;
    head.set_leader_elapsed_ms(0);
    std::string batch = head.SerializeAsString();
    append_field(1, bytes, &batch);
    machine_.apply({machine_.applied_index() + 1, 1}, batch, this);
    request.responder->done(std::move(outcome_));
    if (follower_) follower_(machine_.view());
  }
  void read(node::ClientRead request) override {
    last_deadline = request.deadline;
    if (drop_requests) return;
    (request.serializable ? local_reads : linearizable_reads) += 1;
    if (!request.serializable && refuse_reads.code != Code::ok)
      return request.responder->failed(refuse_reads);
    if (hold_reads) return held_reads.push_back(std::move(request));
    request.responder->ready(*machine_.view());
  }
  bool hold_reads = false;  // keeps them in held_reads
  std::vector<node::ClientRead> held_reads;
  void answer_held_reads() {
    for (const node::ClientRead& read : std::exchange(held_reads, {}))
      read.responder->ready(*machine_.view());
  }
  std::uint64_t moved_to = 0;
  void move_leader(node::MoveLeader request) override {
    if (refuse_writes.code != Code::ok) return request.responder->done(mvcc::refuse(refuse_writes));
    moved_to = request.to;
    request.responder->done({});
  }
  node::MemberNumbers numbers() const override { return status(); }
  raft::Space space = raft::Space::plenty;
  std::uint64_t quota_bytes = 1234;
  node::MemberStatus status() const override {
    node::MemberStatus status;
    status.cluster_id = 77;
    status.id = raft::NodeId(self);
    status.full = full;
    status.leader = raft::NodeId(leader);
    status.role = !role.empty() ? role : leader == self ? "leader" : "follower";
    status.term = raft::Term(5);
    status.space = space;
    status.quota_bytes = quota_bytes;
    status.memory = {.live_bytes = 10, .history_bytes = 20, .log_bytes = 30};
    status.members.voters = {raft::NodeId(1), raft::NodeId(2)};
    status.revision = machine_.view()->revision();
    if (leader == 1 && self == 1)
      status.followers.push_back({raft::NodeId(2),
                                  raft::Index(0),
                                  raft::Index(1),
                                  "replicate",
                                  heard,
                                  active.value_or(heard),
                                  current.value_or(heard),
                                  raft::Space::plenty,
                                  !stuck.empty(),
                                  stuck,
                                  {},
                                  current.value_or(heard)});
    status.disk = disk;
    return status;
  }
  std::shared_ptr<const mvcc::View> view() const override { return machine_.view(); }
  // What the leader says of leases; it knows of no other.
  std::map<std::int64_t, node::LeaseTime> lease_times;
  std::vector<node::LeaseCall> held_leases;
  bool hold_leases = false;
  void lease(node::LeaseCall call) override {
    if (drop_requests) return;
    if (hold_leases) return held_leases.push_back(std::move(call));
    answer_lease(call);
  }
  void answer_lease(const node::LeaseCall& call) {
    if (refuse_reads.code != Code::ok) return call.responder->failed(refuse_reads);
    const auto found = lease_times.find(call.id);
    const bool renews = call.kind == node::LeaseCallKind::keep_alive;
    node::LeaseTime time{.left_s = renews ? 0 : -1, .granted_s = 0, .revision = machine_.revision()};
    if (found != lease_times.end()) {
      time.left_s = renews ? found->second.granted_s : found->second.left_s;
      time.granted_s = found->second.granted_s;
    }
    call.responder->done(time);
  }
  // What becomes of the changes of the members that are asked for.
  std::vector<node::ChangeMembership> changes;
  node::MembershipOutcome change_outcome;
  void change_members(node::ChangeMembership change) override {
    if (drop_requests) return;
    changes.push_back(change);
    change.done(change_outcome);
  }
  bool crowded = false;  // no question is asked
  bool ask(node::ReplicaQuestion question) override {
    if (crowded) return false;
    question (*this)();
    return true;
  }
  node::MemberBrief brief() const override {
    const node::MemberStatus all = status();
    return {.cluster_id = all.cluster_id, .id = all.id, .leader = all.leader, .term = all.term};
  }
  // Where `id` says that its clients reach it.
  void publish(std::uint64_t id, std::vector<std::string> client_urls) {
    auto members = std::make_shared<mvcc::MemberMap>(*this->members());
    (*members)[id].client_urls = std::move(client_urls);
    published_ = std::move(members);
  }
  bool knows_no_users = false;  // as one that has been started again, and has applied nothing yet
  const std::shared_ptr<const mvcc::AuthState>& auth() const override {
    return knows_no_users ? no_users_ : machine_.auth();
  }
  bool users_known = true;
  bool knows_users() const override { return users_known; }
  std::int64_t clock_ms() const override { return clock_passed_ms + machine_.clock_ms(); }
  std::int64_t clock_passed_ms = 0;
  std::shared_ptr<const mvcc::MemberMap> members() const override {
    return published_ != nullptr ? published_ : machine_.members();
  }
  void follow(node::Follower follower) override { follower_ = std::move(follower); }
  bool is_followed() const { return follower_ != nullptr; }
  void tell_follower() {  // as a member does soon after somebody begins to follow
    if (follower_) follower_(machine_.view());
  }

 private:
  bool wants(std::uint64_t) const override { return true; }
  void done(std::uint64_t, mvcc::Outcome outcome) override { outcome_ = std::move(outcome); }

  static void append_field(std::uint32_t number, const std::string& bytes, std::string* into) {
    codec::put_varint(into, number << 3 | 2);
    codec::put_varint(into, bytes.size());
    *into += bytes;
  }

  mvcc::StateMachine machine_;  // with room for one idempotency key
  std::shared_ptr<const mvcc::MemberMap> published_;
  mvcc::Outcome outcome_;
  node::Follower follower_;
  const std::shared_ptr<const mvcc::AuthState> no_users_ = std::make_shared<mvcc::AuthState>();
  std::uint64_t next_request_ = 0;
};

struct FakeGrpcCall final : rpc::GrpcCall {
  std::string path;
  std::map<std::string, std::string, std::less<>> sent_metadata;
  std::optional<Time> call_deadline;
  std::string shown_name;  // in its certificate
  std::string answer;
  bool finished = false, gone = false;
  Code code = Code::unknown;
  std::string message;

  std::string_view method() const override { return path; }
  std::string_view metadata(std::string_view name) const override {
    const auto found = sent_metadata.find(name);
    return found == sent_metadata.end() ? std::string_view() : found->second;
  }
  std::optional<Time> deadline() const override { return call_deadline; }
  bool cancelled() const override { return gone; }
  std::string_view common_name() const override { return shown_name; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return true; }
  void pause() override {}
  void resume() override {}
  void send(std::string_view head, std::string_view body) override {
    answer = std::string(head) + std::string(body);
  }
  void send(std::string_view head, std::unique_ptr<LongMessage> body) override {
    while (!body->measure()) {
    }
    answer = head;
    while (!body->finished()) body->read(1000, &answer);
    EXPECT_EQ(answer.size(), head.size() + body->size_bytes());
  }
  void finish(Code with, std::string_view text) override {
    finished = true;
    code = with;
    message = std::string(text);
  }
};

// As the server does with a call of a unary method.
inline void serve(Api& api, const std::shared_ptr<FakeGrpcCall>& call, std::string_view request) {
  const rpc::Method* const method = api.find_method(call->path);
  ASSERT_NE(method, nullptr) << call->path;
  api.on_unary(*method, call, request);
}

struct FakeHttpCall final : rpc::HttpCall {
  rpc::HttpRequest asked;
  std::optional<rpc::HttpResponse> response;
  std::unique_ptr<rpc::Producer> producer;  // of an answer in pieces
  std::unique_ptr<rpc::Producer> waiting;   // until there is an answer
  bool finished = false, room = true, turn_asked = false;
  std::string shown_name;  // in its certificate

  const rpc::HttpRequest& request() const override { return asked; }
  void respond(rpc::HttpResponse with) override { response = std::move(with); }
  void respond(rpc::HttpResponse head, std::unique_ptr<rpc::Producer> of) override {
    response = std::move(head);
    if (asked.method != "HEAD") producer = std::move(of);
  }
  void send(std::string_view piece) override {
    EXPECT_FALSE(finished) << "nothing follows the end";
    response->body.append(piece);
  }
  void keep(std::unique_ptr<rpc::Producer> until) override { waiting = std::move(until); }
  void ask_turn() override { turn_asked = true; }
  void finish() override { finished = true; }
  bool cancelled() const override { return false; }
  std::string_view common_name() const override { return shown_name; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room; }
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : response->headers)
      if (key == name) return value;
    return "";
  }
};

}  // namespace cairn::api
