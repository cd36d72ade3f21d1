// GrpcMetrics: calls started and handled by method and code, under the names of Go's gRPC middleware, which
// etcd's dashboards read. Every series exists from the start, so that a first error shows as a rise. Owner:
// Api. Threading: the Api's.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "observe/metrics.h"

namespace cairn::api {

class GrpcMetrics {
 public:
  explicit GrpcMetrics(Metrics* registry);  // a series for each method that the server knows

  void started(std::string_view path);  // unknown paths count nowhere: anybody could make up any number
  void handled(std::string_view path, Code code);

 private:
  static constexpr std::size_t kCodes = 17;
  struct Method {
    std::string_view path;
    Counter* started;
    std::array<Counter*, kCodes> handled;
  };
  Method* find(std::string_view path);

  std::vector<Method> methods_;
};

}  // namespace cairn::api
