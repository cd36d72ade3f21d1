// Channel: one connection as bytes in and bytes out, for clients' and peers' connections alike. It alone
// waits for the socket, shuts it down and closes it; and nobody outside sees whether the bytes that the
// socket carries are those that were written here, or a Layer lies in between, as of TLS.
//
// Owner: its user, and the operations in flight, which keep the user too. Threading: the io_context's thread.
// Bounded: it keeps no bytes. What arrives goes where the user says, when the user has asked for it; what is
// written stays with the user until it has gone.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace boost::asio {
class io_context;
}

namespace cairn::net {

class Socket;  // net/socket.h

// How soon the kernel notices that nobody is there any more. Whole seconds where it counts in those.
struct Liveness {
  Duration unacknowledged_max{};  // sent bytes that nobody confirms
  Duration probe_interval{};      // of an idle connection
  int probes = 0;                 // without an answer
};

class Channel {
 public:
  struct End {
    bool by_other_side =
        false;             // its process closed, or its machine says that nobody holds it; or the network
    bool orderly = false;  // it has said that this is all
    std::string why;
    bool unheard = false;  // whatever was written, nothing of it has been taken
  };
  struct User {
    virtual ~User() = default;
    virtual std::span<char> room() = 0;            // for what has arrived; asked right before it is read
    virtual void on_bytes(std::size_t count) = 0;  // so many of them, at least one. read() asks for more
    virtual void on_written() = 0;                 // the rest of what write() did not take at once has gone
    virtual void on_end(const End& end) = 0;       // once; the channel is closed. Never after close()
  };

  virtual ~Channel() = default;
  virtual void start(std::weak_ptr<User> user) = 0;  // before everything else

  // Asks for the next bytes: on_bytes once, and not from inside this.
  virtual void read() = 0;
  // True: all of them have gone. Otherwise they stay where they are until on_written or the end comes, and
  // nothing is written meanwhile. What had arrived before a write fails is still read, if it is asked for: it
  // may say why.
  virtual bool write(std::string_view bytes) = 0;
  virtual void half_close() = 0;  // nothing more will be written; the other side may still write
  virtual void close() = 0;       // at once

  virtual bool open() const = 0;
  // False: both sides do not know each other yet, and nothing of what was written has gone.
  virtual bool ready() const { return true; }
  // Of the certificate that the other side has proved to be its own, where one was demanded; else empty.
  virtual std::string_view common_name() const { return {}; }
  // Since when the other side has taken nothing of what was written; none: nothing waits.
  virtual std::optional<Time> stuck_since() const = 0;
  virtual Duration round_trip() = 0;  // as the kernel measures it; 0 when it does not
};

// Takes the socket over, which is connected.
std::shared_ptr<Channel> open_channel(Socket&& socket,
                                      const std::optional<Liveness>& liveness = std::nullopt);

// What lies between a user and the plain bytes of a connection; on the thread that runs `io`. `with`: who has
// connected, or the name of who is connected to. Null: nothing does.
using Layer = std::function<std::shared_ptr<Channel>(
    boost::asio::io_context& io, std::shared_ptr<Channel> plain, const std::string& with)>;

// "127.0.0.1:2380", of who is on the other side.
std::string remote_of(const Socket& socket);

}  // namespace cairn::net
