#include "rpc/method.h"

namespace cairn::rpc {

std::string_view service_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || path.front() != '/') return {};
  return path.substr(1, slash - 1);
}

std::string unknown_method(std::string_view path, bool service_is_known) {
  const std::string service(service_of(path));
  if (service.empty()) return "malformed method name: \"" + std::string(path) + "\"";
  if (!service_is_known) return "unknown service " + service;
  return "unknown method " + std::string(path.substr(path.rfind('/') + 1)) + " for service " + service;
}

}  // namespace cairn::rpc
