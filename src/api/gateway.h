// The gateway: etcd's gRPC methods for those who speak JSON over HTTP/1.1. POST /v3/kv/range and so on, each
// at the path that its row in the table of methods names; also under /v3beta and /v3alpha, as older clients
// know it. It decides nothing: a call becomes one of the method's, and the answer is written as JSON.
//
// A streaming method takes one object after the other from the body, which has to be there as a whole, and
// answers with a line for each message, until the client goes away.
#pragma once

#include <memory>
#include <string_view>

#include "api/api.h"

namespace cairn::api {

bool is_gateway(std::string_view target);

// REQUIRES: is_gateway(call->request().target). The methods are asked for at `handler`, which outlives them.
void serve_gateway(const Config& config, node::Member& member, rpc::Handler& handler,
                   std::shared_ptr<rpc::HttpCall> call);

}  // namespace cairn::api
