// Listening: where a member is called by others. Opens the sockets, and goes on accepting on them until it is
// closed or destroyed; afterwards `accepted` is not called. Threading: the io_context's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "net/socket.h"  // tidy-allow(heavy): it is what was accepted

namespace cairn::peer {

class Listening {
 public:
  // `pause`: when nothing can be accepted, as descriptors or memory have run out, it is tried again so late.
  Listening(boost::asio::io_context& io, Duration pause, std::function<void(net::Socket&&)> accepted);
  ~Listening();
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  // address: numeric, or a name that leads to one of this machine. port 0: any; answers which. unavailable:
  // the port is in use. Blocking, while a name is looked up.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void close();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace cairn::peer
