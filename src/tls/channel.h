// A secure channel: a net::Channel over another one, whose bytes it encrypts. Whoever uses it sees no
// difference but in the reasons of an end. The handshake begins with start(), without the user: what is
// written meanwhile waits. Owner and threading: as net::Channel's. Bounded: by Limits, and one read of the
// user's room; a handshake takes as long as its user waits for it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "net/channel.h"
#include "tls/context.h"

namespace boost::asio {
class io_context;
}

namespace cairn::tls {

struct Limits {
  std::size_t piece_bytes = std::size_t{64} << 10;  // encrypted at once, and kept until they have gone
};

struct Parameters {
  std::shared_ptr<const Context> context;
  // Of a client: what the server's certificate has to be for, a name or an address. Empty: whatever the CA
  // knows.
  std::string server_name;
  std::string protocols;  // of a client, as ALPN has them: "\x02h2"
  // A handshake that failed, and why; the user learns of it by on_end.
  std::function<void(const std::string& why)> on_refused = nullptr;
  Limits limits = {};
};

std::shared_ptr<net::Channel> secure(boost::asio::io_context& io, std::shared_ptr<net::Channel> plain,
                                     Parameters parameters);

}  // namespace cairn::tls
