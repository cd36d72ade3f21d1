// GrpcMetrics: calls started and handled by method and code, and the time they took, under the names of Go's
// gRPC middleware, which etcd's dashboards read. Every series exists from the start, so that a first error
// shows as a rise. Owner: Api. Threading: the Api's.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "api/grpc_methods.h"
#include "base/result.h"
#include "base/time.h"
#include "observe/metrics.h"

namespace cairn::api {

std::string_view name_of_code(Code code);  // "DeadlineExceeded"

class GrpcMetrics {
 public:
  explicit GrpcMetrics(Metrics* registry);  // a series for each method that the server knows

  // Unknown paths count nowhere: anybody could make up any number.
  void started(const Method& method);
  void handled(const Method& method, Code code, Duration took);

 private:
  static constexpr std::size_t kCodes = 17;
  struct Counters {
    Counter* started;
    Histogram* seconds;
    std::array<Counter*, kCodes> handled;
  };
  Counters& of(const Method& method);

  std::vector<Counters> counters_;  // in the order of the table
};

}  // namespace cairn::api
