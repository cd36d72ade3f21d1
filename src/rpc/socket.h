// Socket: what a connection reads and writes. The one place to change for TLS. Internal to rpc/.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace cairn::rpc {

// Bound to io_context's own executor: the type-erased default costs an allocation and a virtual call an
// operation.
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

}  // namespace cairn::rpc
