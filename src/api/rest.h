// REST v1: what its handlers share. Raw bytes by default, JSON when asked for.
// Routing: a write at a follower answers 307 with the leader's address, unless the request says `Cairn-Route:
// forward`; while there is no leader, the member keeps it for a moment and passes it on itself. A read at a
// follower is local and marked so, at the leader linearizable; ?consistency= chooses.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/api.h"
#include "api/problem.h"
#include "api/router.h"
#include "base/check.h"
#include "base/prefix.h"
#include "node/member.h"
#include "node/requests.h"
#include "node/status.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

class Guard;

struct Leader {
  raft::NodeId id;  // 0: none known
  std::string name, url;
};

// One HTTP request on its way; kept by shared_ptr until it is answered.
class RestCall {
 public:
  RestCall(const Config& config, node::Member& member, std::shared_ptr<rpc::HttpCall> call, Target target);
  // Dropped unanswered while stopping: the caller is told, since the outcome of its write is unknown.
  ~RestCall();

  const Config& config() const { return config_; }
  node::Member& member() const { return member_; }
  const Target& target() const { return target_; }
  const rpc::HttpRequest& request() const { return call_->request(); }
  // Null when absent: a header that is there and empty says something else.
  std::optional<std::string_view> header(std::string_view name) const;
  bool given_twice(std::string_view name) const;
  bool wants_json() const;
  Leader leader() const;
  bool at_leader() const;

  // Of a write that belongs elsewhere: the answer that says where. It needs no body.
  std::optional<rpc::HttpResponse> redirected() const;
  // Every answer says who served it and who leads.
  void respond(rpc::HttpResponse response);
  // Begins an answer whose pieces follow, by outlet().
  void respond_in_pieces(rpc::HttpResponse head, std::unique_ptr<rpc::Producer> producer);
  const std::shared_ptr<rpc::HttpCall>& outlet() const { return call_; }
  void refuse(const Problem& problem);
  void refuse(const Error& error) { refuse(problem_of(error, is_write_)); }
  void mark_write() { is_write_ = true; }
  void leave() { answered_ = true; }  // it was only asked, and is answered by who asked

 private:
  void sign(rpc::HttpResponse* response) const;

  const Config& config_;
  node::Member& member_;
  std::shared_ptr<rpc::HttpCall> call_;
  Target target_;
  const Time begun_;
  bool is_write_ = false;
  bool answered_ = false;
};
using Rest = std::shared_ptr<RestCall>;

// `done` gets only outcomes that are ok; refusals are answered here.
using OnWritten = std::function<void(RestCall&, const mvcc::Outcome&)>;
// Redirects, forwards or proposes.
// `lease`: one that the write brings for its puts.
void rest_write(const Rest& rest, node::CommandKind kind, const google::protobuf::MessageLite& message,
                OnWritten done, const mvcc::LeaseChoice& lease = {});

enum class Consistency { local, linearizable };
using OnView = std::function<void(RestCall&, const mvcc::View&, Consistency)>;
void rest_read(const Rest& rest, OnView read);
// The headers that say how fresh a read is.
void mark_read(rpc::HttpResponse* response, const mvcc::View& view, Consistency consistency);

// The range of all keys with this prefix.
template <class Request>
void set_prefix(const std::string& prefix, Request* request) {
  request->set_key(prefix.empty() ? std::string(1, '\0') : prefix);
  request->set_range_end(prefix_end(prefix));
}

rpc::HttpResponse json_response(int status, std::string body);

void rest_get(const Rest& rest);
void rest_put(const Rest& rest);
void rest_delete(const Rest& rest);
void rest_list(const Rest& rest);
void rest_delete_prefix(const Rest& rest);
void rest_txn(const Rest& rest);
void rest_status(const Rest& rest);
void rest_members(const Rest& rest);
void rest_grant_lease(const Rest& rest);
void rest_leases(const Rest& rest);
void rest_lease(const Rest& rest);
void rest_keep_alive(const Rest& rest);
void rest_revoke_lease(const Rest& rest);
void rest_watch(const Rest& rest);
void rest_health(const Rest& rest);
void rest_livez(const Rest& rest);
void rest_readyz(const Rest& rest);
void rest_version(const Rest& rest);
void rest_metrics(const Rest& rest);

// Finds the handler by path and method.
void dispatch(const Config& config, Guard& member, std::shared_ptr<rpc::HttpCall> call);
// The answer to a request whose body has not come, if it is known without it.
std::optional<rpc::HttpResponse> answer_early(const Config& config, node::Member& member,
                                              const rpc::HttpRequest& head);

}  // namespace cairn::api
