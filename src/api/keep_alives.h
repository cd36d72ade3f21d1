// KeepAlives: the clients' streams of keep-alives. Each has so many in the leader's hands at most, then its
// client waits. Owner: Api. Threading: the Api's. Bounded: Config::keep_alives_max a stream.
#pragma once

#include <memory>
#include <set>

#include "api/api.h"

namespace cairn::api {

class KeepAliveStream;

class KeepAlives {
 public:
  KeepAlives(const Config& config, node::Member& member) : config_(config), member_(member) {}
  ~KeepAlives();
  KeepAlives(const KeepAlives&) = delete;
  KeepAlives& operator=(const KeepAlives&) = delete;

  std::unique_ptr<rpc::GrpcStream> open(std::shared_ptr<rpc::GrpcCall> call);
  void stop();  // ends all streams: the server stops

 private:
  friend class KeepAliveStream;
  const Config& config_;
  node::Member& member_;
  std::set<KeepAliveStream*> streams_;
  bool stopped_ = false;
};

}  // namespace cairn::api
