// Socket: what accepting or connecting comes to. Whoever has one makes a Channel of it, and reads and writes
// that.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <utility>

namespace cairn::net {

// Bound to io_context's own executor: the type-erased default costs an allocation and a virtual call an
// operation. A class, so that others name it without seeing Asio.
class Socket
    : public boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type> {
 public:
  using Base = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  using Base::Base;
  Socket(Base&& accepted) : Base(std::move(accepted)) {}  // NOLINT: it is one
};

}  // namespace cairn::net
