#include <array>
#include <string>

#include "api/grpc_services.h"
#include "etcd/reasons.h"
#include "node/member.h"
#include "node/status.h"

namespace cairn::api {
namespace {

struct Method {
  std::string_view path;
  void (*run)(const GrpcContext&);
};

constexpr std::array<Method, 8> kMethods = {{
    {"/etcdserverpb.KV/Put", kv_put},
    {"/etcdserverpb.KV/Range", kv_range},
    {"/etcdserverpb.KV/Txn", kv_txn},
    {"/etcdserverpb.KV/DeleteRange", kv_delete_range},
    {"/etcdserverpb.KV/Compact", kv_compact},
    {"/etcdserverpb.Maintenance/Status", maintenance_status},
    {"/etcdserverpb.Cluster/MemberList", cluster_member_list},
    {"/grpc.health.v1.Health/Check", health_check},
}};

// In the words of grpc-go, which clients of etcd have seen until now.
std::string unknown_method(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (path.empty() || path[0] != '/' || slash == 0)
    return "malformed method name: \"" + std::string(path) + "\"";
  const std::string service(path.substr(1, slash - 1)), method(path.substr(slash + 1));
  for (const Method& known : kMethods)
    if (known.path.substr(1, known.path.rfind('/') - 1) == service)
      return "unknown method " + method + " for service " + service;
  return "unknown service " + service;
}

}  // namespace

std::vector<std::string_view> grpc_method_paths() {
  std::vector<std::string_view> paths;
  for (const Method& method : kMethods) paths.push_back(method.path);
  return paths;
}

void dispatch(const GrpcContext& context) {
  const std::string_view path = context.call->method();
  for (const Method& method : kMethods) {
    if (method.path != path) continue;
    if (context.call->metadata("hasleader") == "true" && context.member.brief().leader.v == 0) {
      return context.call->refuse(etcd::error_of(Reason::no_leader));
    }
    return method.run(context);
  }
  context.call->finish(Code::unimplemented, unknown_method(path));
}

}  // namespace cairn::api
