#include "api/grpc_metrics.h"

#include <chrono>
#include <string>

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

std::string_view name_of_code(Code code) { return kCodeNames[static_cast<std::size_t>(code)]; }

GrpcMetrics::GrpcMetrics(Metrics* registry) {
  static_assert(std::size(kCodeNames) == kCodes);
  for (const Method& method : methods()) {
    const std::size_t slash = method.path.rfind('/');
    Labels labels = {
        {"grpc_type", method.kind == rpc::MethodKind::unary || method.one_answer ? "unary" : "bidi_stream"},
        {"grpc_service", std::string(rpc::service_of(method.path))},
        {"grpc_method", std::string(method.path.substr(slash + 1))}};
    Counters counters{};
    counters.started = &registry->counter("grpc_server_started_total",
                                          "Total number of RPCs started on the server.", labels);
    counters.seconds = &registry->histogram(
        "grpc_server_handling_seconds",
        "Response latency (seconds) of gRPC that had been application-level handled by the "
        "server.",
        request_bounds(), labels);
    labels.emplace_back("grpc_code", "");
    for (std::size_t code = 0; code < kCodes; ++code) {
      labels.back().second = std::string(kCodeNames[code]);
      counters.handled[code] = &registry->counter(
          "grpc_server_handled_total",
          "Total number of RPCs completed on the server, regardless of success or failure.", labels);
    }
    counters_.push_back(counters);
  }
}

GrpcMetrics::Counters& GrpcMetrics::of(const Method& method) {
  return counters_[static_cast<std::size_t>(&method - methods().data())];
}

void GrpcMetrics::started(const Method& method) { of(method).started->add(); }

void GrpcMetrics::handled(const Method& method, Code code, Duration took) {
  of(method).seconds->observe(std::chrono::duration<double>(took).count());
  of(method).handled.at(static_cast<std::size_t>(code))->add();
}

}  // namespace cairn::api
