#include "cli/logged_in.h"

#include <boost/asio/io_context.hpp>

#include "proto/rpc.pb.h"

namespace cairn::cli {

rpc::Headers logged_in(const Context& context, boost::asio::io_context* loop, rpc::GrpcClient* client) {
  if (context.user.name.empty()) return {};
  etcdserverpb::AuthenticateRequest request;
  request.set_name(context.user.name);
  request.set_password(context.user.password);
  const auto result = rpc::call_and_wait(*loop, *client, "/etcdserverpb.Auth/Authenticate",
                                         request.SerializeAsString(), {}, context.timeout);
  loop->restart();
  etcdserverpb::AuthenticateResponse response;
  if (result.code != Code::ok || !response.ParseFromString(result.message)) return {};
  return {{"token", response.token()}};
}

}  // namespace cairn::cli
