// A secure channel: a net::Channel over another one, whose bytes it encrypts. Whoever uses it sees no
// difference but in the reasons of an end. The handshake begins with start(), without the user: what is
// written meanwhile waits. Owner and threading: as net::Channel's. Bounded: by Limits, one read of the user's
// room, and Handshakes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/time.h"
#include "net/channel.h"
#include "tls/context.h"
#include "tls/handshakes.h"

namespace boost::asio {
class io_context;
}

namespace cairn::tls {

struct Limits {
  std::size_t piece_bytes = std::size_t{64} << 10;  // encrypted at once, and kept until they have gone
  // Of answers that TLS itself owes, as to changes of keys; whoever asks for more and takes none is left.
  std::size_t owed_bytes_max = std::size_t{64} << 10;
  Duration handshake_timeout = std::chrono::seconds(5);
  std::size_t common_name_bytes_max = 255;  // of a demanded certificate: whoever shows a longer one is left
};

struct Parameters {
  std::shared_ptr<const Context> context;
  // Of a client: what the server's certificate has to be for, a name or an address. Empty: whatever the CA
  // knows.
  std::string server_name;
  std::string protocols;                        // of a client, as ALPN has them: "\x02h2"
  std::shared_ptr<Handshakes> among = nullptr;  // of this thread; null: their number is bounded elsewhere
  // How the handshake ended: null when it did well; else why, which the user learns by on_end.
  std::function<void(const std::string* why)> on_handshake = nullptr;
  Limits limits = {};
};

std::shared_ptr<net::Channel> secure(boost::asio::io_context& io, std::shared_ptr<net::Channel> plain,
                                     Parameters parameters);

}  // namespace cairn::tls
