// Who listens on a port of this machine, for error messages.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::io {

// "etcd (pid 4711)"; "" when nobody does, or when it is a process of another user that /proc does not show.
std::string port_holder(std::uint16_t port);

}  // namespace cairn::io
