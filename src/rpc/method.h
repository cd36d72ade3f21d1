// Method: a gRPC method as the protocol sees it: where it is served, and whether either side may send more
// than one message. Handlers extend it by what they do with its calls. Plain values in a table that outlives
// the server.
#pragma once

#include <string>
#include <string_view>

namespace cairn::rpc {

enum class MethodKind { unary, stream };

struct Method {
  std::string_view path;  // "/etcdserverpb.KV/Put"
  MethodKind kind = MethodKind::unary;
};

// "etcdserverpb.KV" of "/etcdserverpb.KV/Put"; "" when the path names no method at all.
std::string_view service_of(std::string_view path);
// Why nothing is served at this path, in the words of grpc-go: clients of etcd have seen these until now.
std::string unknown_method(std::string_view path, bool service_is_known);

}  // namespace cairn::rpc
