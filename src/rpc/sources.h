// Sources: how many connections each client address has open, so that one of them cannot take them all.
// Owner: the accepting Server::Impl, on its thread. Bounded: an entry for each source with a connection.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace boost::asio::ip {
class address;
}

namespace cairn::rpc {

// Who counts as one: an IPv4 address ("10.0.0.1", also as ::ffff:10.0.0.1), or the 64 bits that a host with
// IPv6 has to itself ("2001:db8::/64").
std::string source_of(const boost::asio::ip::address& address);

class Sources {
 public:
  explicit Sources(std::size_t connections_max) : connections_max_(connections_max) {}

  // False, and nothing counted, when the source has as many open as one may.
  bool enter(const std::string& source);
  void leave(const std::string& source);

 private:
  const std::size_t connections_max_;
  std::map<std::string, std::size_t> open_;
};

}  // namespace cairn::rpc
