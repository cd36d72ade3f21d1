// What gRPC's writes share on their way into the log: sizes, idempotency keys, deadlines.
#pragma once

#include <optional>
#include <string>

#include "api/grpc_methods.h"
#include "node/requests.h"

namespace cairn::api {

// The write without its responder; nothing, with the call finished, when it may not be.
std::optional<node::ClientWrite> write_of(const GrpcContext& context, node::CommandKind kind,
                                          std::string request);
// Answers with what becomes of the request, whose bytes become the command.
void propose(const GrpcContext& context, node::CommandKind kind, std::string request);

}  // namespace cairn::api
