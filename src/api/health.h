// The streams of grpc.health.v1.Health/Watch: each is told at once whether this member serves, and again when
// that has changed, which is looked for now and then. Owner: Api. Threading: the Api's. Bounded as all
// streams are (rpc::Limits); one says no more than its client reads.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "rpc/handler.h"

namespace cairn::node {
struct Member;
}

namespace cairn::api {

// A HealthCheckResponse.
std::string_view health_of(bool serves);

class HealthStream;

class HealthWatches {
 public:
  // `wake` is asked to have look() called then; each time replaces the one before.
  HealthWatches(node::Member& member, Duration look_interval, std::function<void(Time)> wake)
      : member_(member), look_interval_(look_interval), wake_(std::move(wake)) {}
  ~HealthWatches();
  HealthWatches(const HealthWatches&) = delete;
  HealthWatches& operator=(const HealthWatches&) = delete;

  std::unique_ptr<rpc::GrpcStream> open(std::shared_ptr<rpc::GrpcCall> call);
  void look();
  void stop();

 private:
  friend class HealthStream;
  bool serves() const;

  node::Member& member_;
  const Duration look_interval_;
  const std::function<void(Time)> wake_;
  std::set<HealthStream*> streams_;
  bool looks_ = false;  // it was asked for
};

}  // namespace cairn::api
