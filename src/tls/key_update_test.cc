// What a stranger can ask for without end: new keys (RFC 8446 4.6.3), each answered by as many bytes as it
// took to ask. Against a client that is OpenSSL itself, over a channel in memory that takes nothing any more.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <vector>

#include "tls/channel.h"
#include "tls/openssl.h"
#include "tls/pki_fixture.h"

namespace cairn::tls {
namespace {

struct Pipe final : net::Channel {
  void start(std::weak_ptr<User> by) override { user = std::move(by); }
  void read() override { wanted = true; }
  bool write(std::string_view bytes) override {
    if (!stuck) written += bytes;
    return !stuck;
  }
  void half_close() override {}
  void close() override { closed = true; }
  bool open() const override { return !closed; }
  std::optional<Time> stuck_since() const override { return std::nullopt; }
  Duration round_trip() override { return {}; }
  // As much of it as is asked for.
  void arrive(std::string_view bytes) {
    while (!bytes.empty() && !closed && wanted) {
      wanted = false;
      const auto to = user.lock();
      const std::span<char> room = to->room();
      const std::size_t count = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), count);
      bytes.remove_prefix(count);
      to->on_bytes(count);
    }
  }

  std::weak_ptr<User> user;
  std::string written;
  bool wanted = false, stuck = false, closed = false;
};

struct Ended final : net::Channel::User {
  std::span<char> room() override { return buffer; }
  void on_bytes(std::size_t) override {}
  void on_written() override {}
  void on_end(const net::Channel::End& end) override { why = end.why; }
  std::vector<char> buffer = std::vector<char>(1000);
  std::string why;
};

struct KeyUpdate : testing::Test {
  KeyUpdate() {
    limits.owed_bytes_max = 5000;
    Options anybody;
    anybody.believes_anybody = true;
    context = *Context::load(Role::client, anybody);
    client.reset(SSL_new(context->native()));
    SSL_set_bio(client.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client.get());
    server =
        secure(io, pipe, {*Context::load(Role::server, files.of("server")), "", "", nullptr, {}, limits});
    server->start(user);
    server->read();
    while (SSL_do_handshake(client.get()) != 1) exchange();
    exchange();
  }
  ~KeyUpdate() override { server->close(); }
  void exchange() {
    char* bytes = nullptr;
    BIO* const out = SSL_get_wbio(client.get());
    const long size = BIO_get_mem_data(out, &bytes);
    pipe->arrive(std::string(bytes, static_cast<std::size_t>(size)));
    (void)BIO_reset(out);
    BIO_write(SSL_get_rbio(client.get()), pipe->written.data(), static_cast<int>(pipe->written.size()));
    pipe->written.clear();
  }
  void ask_for_keys() {
    ASSERT_EQ(SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.get()), 1);
    exchange();
  }

  PkiFiles files;
  Limits limits;
  boost::asio::io_context io{1};
  std::shared_ptr<const Context> context;
  std::unique_ptr<SSL, Freed<SSL_free>> client;
  std::shared_ptr<Pipe> pipe = std::make_shared<Pipe>();
  std::shared_ptr<Ended> user = std::make_shared<Ended>();
  std::shared_ptr<net::Channel> server;
};

TEST_F(KeyUpdate, IsAnsweredAsOftenAsTheAnswersAreTaken) {
  for (int i = 0; i < 1000; ++i) ask_for_keys();
  EXPECT_TRUE(server->open()) << user->why;
}

TEST_F(KeyUpdate, WhoAsksAndTakesNoAnswersIsLeft) {
  pipe->stuck = true;
  for (int i = 0; i < 1000 && server->open(); ++i) ask_for_keys();
  EXPECT_EQ(user->why, "TLS: it asks for more than it takes");
}

}  // namespace
}  // namespace cairn::tls
