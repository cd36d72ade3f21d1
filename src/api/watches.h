// Watches: the clients' streams of watch requests, between the calls of gRPC and the hub that knows what
// their watches have seen. Follows the member's state while there is a stream. Owner: Api. Threading: the
// Api's. Bounded: Config::watch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "api/grpc_methods.h"
#include "watch/hub.h"

namespace cairn::api {

class WatchStream;

class Watches {
 public:
  Watches(const Config& config, node::Member& member)
      : config_(config), member_(member), hub_(config.watch) {}
  ~Watches();
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  std::unique_ptr<rpc::GrpcStream> open(std::shared_ptr<rpc::GrpcCall> call);
  void woken();  // the time that was asked for by Config::wake_at has come
  void stop();   // ends all streams: the server stops

 private:
  friend class WatchStream;
  void publish(std::shared_ptr<const mvcc::View> view);
  void schedule();
  std::optional<Time> due() const;
  void look_for_leader(Time now);
  void count();
  void ended(WatchStream* stream);

  const Config& config_;
  node::Member& member_;
  watch::Hub hub_;
  std::set<WatchStream*> streams_;
  std::size_t want_leader_ = 0;
  std::size_t counted_streams_ = 0, counted_watches_ = 0, counted_behind_ = 0;  // in the metrics
  std::optional<Time> leaderless_since_;
  std::optional<Time> woken_at_;  // that was asked for
  bool follows_ = false, stopped_ = false;
};

}  // namespace cairn::api
