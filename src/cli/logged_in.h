// Who asks over a connection of its own, beside the client library's. Threading: none; it runs `loop`.
#pragma once

#include "cli/context.h"
#include "rpc/client.h"

namespace cairn::cli {

// The metadata of a call by the user of `context`, who logs in over `client` for it. Empty: nobody is named,
// or the login was refused; then the server says of the call what is wrong.
rpc::Headers logged_in(const Context& context, boost::asio::io_context* loop, rpc::GrpcClient* client);

}  // namespace cairn::cli
