#include "api/grpc_metrics.h"

#include <algorithm>
#include <string>

#include "api/grpc_services.h"

namespace cairn::api {
namespace {

// In the order of their numbers.
constexpr std::string_view kCodeNames[] = {
    "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated",
};

}  // namespace

GrpcMetrics::GrpcMetrics(Metrics* registry) {
  static_assert(std::size(kCodeNames) == kCodes);
  for (const std::string_view path : grpc_method_paths()) {
    const std::size_t slash = path.rfind('/');
    Labels labels = {{"grpc_type", "unary"},
                     {"grpc_service", std::string(path.substr(1, slash - 1))},
                     {"grpc_method", std::string(path.substr(slash + 1))}};
    Method method{path, nullptr, {}};
    method.started = &registry->counter("grpc_server_started_total",
                                        "Total number of RPCs started on the server.", labels);
    labels.emplace_back("grpc_code", "");
    for (std::size_t code = 0; code < kCodes; ++code) {
      labels.back().second = std::string(kCodeNames[code]);
      method.handled[code] = &registry->counter(
          "grpc_server_handled_total",
          "Total number of RPCs completed on the server, regardless of success or failure.", labels);
    }
    methods_.push_back(method);
  }
}

GrpcMetrics::Method* GrpcMetrics::find(std::string_view path) {
  const auto found = std::find_if(methods_.begin(), methods_.end(),
                                  [path](const Method& method) { return method.path == path; });
  return found == methods_.end() ? nullptr : &*found;
}

void GrpcMetrics::started(std::string_view path) {
  if (Method* const method = find(path)) method->started->add();
}

void GrpcMetrics::handled(std::string_view path, Code code) {
  if (Method* const method = find(path)) method->handled.at(static_cast<std::size_t>(code))->add();
}

}  // namespace cairn::api
