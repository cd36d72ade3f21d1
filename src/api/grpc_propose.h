// What every gRPC method that writes shares: the bytes as they came become the command, encoded once, by the
// client.
#pragma once

#include "node/requests.h"

namespace cairn::api {

struct GrpcContext;

// Checks what the kinds have in common, and answers the call when the command is applied or refused.
void propose(const GrpcContext& context, node::CommandKind kind);

}  // namespace cairn::api
