#include "io/port_holder.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cairn::io {
namespace {

struct Socket {
  Socket() : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  ~Socket() { close(fd); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd;
  std::uint16_t port = 0;
};

TEST(PortHolder, IsTheProcessThatListens) {
  const Socket one;
  EXPECT_EQ(port_holder(one.port), "");
  ASSERT_EQ(listen(one.fd, 1), 0);
  const std::string holder = port_holder(one.port);
  EXPECT_EQ(holder, "io_test (pid " + std::to_string(getpid()) + ")");
}

}  // namespace
}  // namespace cairn::io
