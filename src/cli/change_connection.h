// ChangeConnection: to one member, of etcd's API, for whoever follows all changes: a watch of every key, and
// the questions beside it. Owner: the follower. Threading: one thread; callbacks come from inside run_for(),
// and do not end it. Bound: what one message holds, and the answers that are waited for.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/context.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::cli {

class ChangeConnection {
 public:
  static Result<std::unique_ptr<ChangeConnection>> open(const Context& context, const std::string& endpoint);

  // Which cluster it is, and at which revision, as a majority of it knows.
  struct Cluster {
    std::uint64_t id = 0;
    std::int64_t revision = 0;
  };
  Result<Cluster> look();
  // From this revision on.
  void watch(std::int64_t from, std::function<void(const etcdserverpb::WatchResponse&)> on_response);
  void ask_progress();
  // 0: there is none, or nobody says.
  void ask_lease(std::int64_t id, std::function<void(std::int64_t ttl_s)> answer);
  // Not answered where that fails.
  void ask_users_revision(std::function<void(std::uint64_t revision)> answer);

  void run_for(std::chrono::milliseconds time);
  // The watch has; and why.
  bool ended() const { return ended_; }
  const std::string& why() const { return why_; }
  const std::string& endpoint() const { return endpoint_; }

 private:
  ChangeConnection(const Context& context, std::string endpoint)
      : context_(context), endpoint_(std::move(endpoint)) {}

  const Context& context_;
  const std::string endpoint_;
  boost::asio::io_context loop_;
  std::unique_ptr<rpc::GrpcClient> client_;
  rpc::Headers metadata_;
  rpc::GrpcClient::StreamId stream_ = 0;
  std::function<void(const etcdserverpb::WatchResponse&)> on_response_;
  bool ended_ = false;
  std::string why_;
};

}  // namespace cairn::cli
