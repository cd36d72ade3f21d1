// For the tests of rpc/: a loop that runs until something is true, an echoing handler, a raw socket.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/server.h"

namespace cairn::rpc {

// How long a test hangs before it says so: no measure of anything, as 64 MiB take nine seconds under
// ThreadSanitizer.
inline constexpr auto kTestPatience = std::chrono::seconds(60);

// True as soon as `done` is; false when it did not come to pass in time.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kTestPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

// A long message whose bytes tell where they belong.
class Pattern final : public LongMessage {
 public:
  struct Seen {
    int alive = 0;
    std::size_t read_bytes = 0, largest_read = 0;
    int measures = 0, reads = 0;
  };
  Pattern(std::size_t size, int measures, Seen* seen) : size_(size), measures_left_(measures), seen_(seen) {
    ++seen_->alive;
  }
  ~Pattern() override { --seen_->alive; }
  static char at(std::size_t position) { return static_cast<char>(position * 31 + (position >> 8)); }
  static std::string whole(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(at(i));
    return bytes;
  }
  bool measure() override {
    ++seen_->measures;
    return --measures_left_ <= 0;
  }
  std::size_t size_bytes() const override { return size_; }
  void read(std::size_t bytes_max, std::string* out) override {
    const std::size_t size = std::min(bytes_max, size_ - at_);
    for (std::size_t i = 0; i < size; ++i) out->push_back(at(at_++));
    seen_->read_bytes += size;
    seen_->largest_read = std::max(seen_->largest_read, size);
    ++seen_->reads;
  }
  bool finished() const override { return at_ == size_; }

 private:
  const std::size_t size_;
  int measures_left_;
  std::size_t at_ = 0;
  Seen* const seen_;
};

// /test.Echo/Unary answers the request; /test.Echo/Stream every message, and ends when the client does;
// /test.Echo/Keep does and keeps the call too; /test.Echo/Count answers each message, a number, with so many
// thousand bytes, one after the other as there is room, and takes no further one meanwhile;
// /test.Echo/Hold keeps the call; /test.Echo/Long answers with a long message and keeps the call too;
// /test.Echo/Fail fails. HTTP answers method, target and body; /count/N a stream of N pieces.
struct EchoHandler : Handler {
  struct EchoStream : GrpcStream {
    EchoStream(EchoHandler& of, std::shared_ptr<GrpcCall> with) : handler(of), call(std::move(with)) {
      ++handler.streams_open;
    }
    ~EchoStream() override { --handler.streams_open; }
    void on_message(std::string_view message) override { call->send("", message); }
    void on_half_close() override { call->finish(Code::ok, ""); }
    EchoHandler& handler;
    std::shared_ptr<GrpcCall> call;
  };
  struct CountStream final : EchoStream {
    using EchoStream::EchoStream;
    void on_message(std::string_view message) override {
      handler.taken.emplace_back(message);
      left = std::stoul(std::string(message));
      on_room();
    }
    void on_room() override {
      while (left > 0 && call->has_room()) {
        call->send("", std::string(1000, 'c'));
        ++handler.produced;
        --left;
      }
      if (left > 0) return call->pause();
      call->resume();
    }
    std::size_t left = 0;
  };
  struct CountPieces final : Producer {
    CountPieces(EchoHandler& of, std::shared_ptr<HttpCall> with, std::size_t count)
        : handler(of), call(std::move(with)), left(count) {
      ++handler.streams_open;
    }
    ~CountPieces() override { --handler.streams_open; }
    void on_room() override {
      for (; left > 0 && call->has_room(); --left) {
        call->send(std::string(1000, 'c'));
        ++handler.produced;
      }
      if (left == 0) call->finish();
    }
    EchoHandler& handler;
    std::shared_ptr<HttpCall> call;
    std::size_t left;
  };

  const Method* find_method(std::string_view path) const override {
    static constexpr Method kMethods[] = {
        {"/test.Echo/Unary"},
        {"/test.Echo/Stream", MethodKind::stream},
        {"/test.Echo/Keep", MethodKind::stream},
        {"/test.Echo/Count", MethodKind::stream},
        {"/test.Echo/Hold"},
        {"/test.Echo/Long"},
        {"/test.Echo/Fail"},
    };
    for (const Method& method : kMethods)
      if (method.path == path) return &method;
    return nullptr;
  }
  bool knows_service(std::string_view service) const override { return service == "test.Echo"; }
  void on_unary(const Method& method, std::shared_ptr<GrpcCall> call, std::string_view request) override {
    ++unary_calls;
    if (observe) observe(*call);
    if (method.path == "/test.Echo/Unary") {
      call->send("", request);
      call->finish(Code::ok, "");
    } else if (method.path == "/test.Echo/Hold") {
      held.push_back(std::move(call));
    } else if (method.path == "/test.Echo/Long") {
      call->send("head", std::make_unique<Pattern>(long_bytes, long_measures, &long_seen));
      call->finish(Code::ok, "");
      held.push_back(std::move(call));
    } else {
      call->finish(Code::failed_precondition, request);
    }
  }
  std::unique_ptr<GrpcStream> open_stream(const Method& method,
                                          const std::shared_ptr<GrpcCall>& call) override {
    if (method.path == "/test.Echo/Keep") held.push_back(call);
    if (method.path == "/test.Echo/Count") return std::make_unique<CountStream>(*this, call);
    return std::make_unique<EchoStream>(*this, call);
  }
  void on_http(std::shared_ptr<HttpCall> call) override {
    ++http_calls;
    if (call->request().target == "/hold") {
      held_http.push_back(std::move(call));
      return;
    }
    if (call->request().target == "/drop") return;
    if (call->request().target.starts_with("/count/")) {
      auto producer =
          std::make_unique<CountPieces>(*this, call, std::stoul(call->request().target.substr(7)));
      CountPieces& begun = *producer;
      call->respond({200, {{"content-type", "text/plain"}}, "first "}, std::move(producer));
      if (call->cancelled()) return;
      return begun.on_room();
    }
    HttpResponse response;
    response.headers = {{"content-type", "text/plain"}};
    response.body = call->request().method + " " + call->request().target + " " + call->request().body;
    if (call->request().target == "/name") response.body = call->common_name();
    call->respond(std::move(response));
  }

  void on_grpc_end(const GrpcEnd& end) override {
    ends.push_back(std::string(end.method.path) + " " + std::to_string(static_cast<int>(end.code)) + " in " +
                   std::to_string(end.received_bytes) + " out " + std::to_string(end.sent_bytes));
  }

  void on_long_reply_turn(std::size_t bytes) override { turns.push_back(bytes); }

  std::size_t long_bytes = 0;  // what Long answers with, and in how many steps its size is found out
  int long_measures = 1;
  Pattern::Seen long_seen;
  std::vector<std::size_t> turns;
  std::vector<std::string> ends;
  std::function<void(GrpcCall&)> observe;
  std::vector<std::shared_ptr<GrpcCall>> held;
  std::vector<std::shared_ptr<HttpCall>> held_http;
  int unary_calls = 0;
  int http_calls = 0;
  int streams_open = 0;
  std::size_t produced = 0;        // messages of Count, and pieces
  std::vector<std::string> taken;  // by Count
};

// A client that sends exactly the bytes it is told to, on the loop of the server.
// An answer as it would be at any time.
inline std::string without_date(std::string answer) {
  const std::size_t at = answer.find("date: ");
  return at == std::string::npos ? answer : answer.erase(at, answer.find("\r\n", at) + 2 - at);
}

class RawClient {
 public:
  RawClient(boost::asio::io_context& io, std::uint16_t port) : io_(io), socket_(io) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.non_blocking(true);
  }
  // What the server does not take at once is sent while waiting.
  void send(std::string_view bytes) { unsent_.append(bytes); }
  const std::string& received() const { return received_; }
  bool closed() const { return closed_; }
  void close() { socket_.close(); }
  void stop_sending() {
    pump();
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send);
  }
  bool wait_for(std::string_view text) {
    return run_until(io_, [&] { return pump() && received_.find(text) != std::string::npos; });
  }
  bool wait_closed() {
    return run_until(io_, [&] { return pump() && closed_; });
  }
  bool pump() {
    boost::system::error_code error;
    if (!unsent_.empty()) {
      const std::size_t size = socket_.write_some(boost::asio::buffer(unsent_), error);
      if (!error) unsent_.erase(0, size);
    }
    char bytes[16384];
    for (;;) {
      const std::size_t size = socket_.read_some(boost::asio::buffer(bytes), error);
      if (error == boost::asio::error::would_block) break;
      if (error) {
        closed_ = true;
        break;
      }
      received_.append(bytes, size);
    }
    return true;
  }

 private:
  boost::asio::io_context& io_;
  boost::asio::ip::tcp::socket socket_;
  std::string unsent_;
  std::string received_;
  bool closed_ = false;
};

// A server on a free port with its own loop.
struct ServerFixture {
  explicit ServerFixture(Limits limits = {}) : server(io, limits, handler) {
    const auto listening = server.listen("127.0.0.1", 0);
    EXPECT_TRUE(listening.has_value());
    port = listening.value_or(0);
  }
  boost::asio::io_context io;
  EchoHandler handler;
  Server server;
  std::uint16_t port = 0;
};

}  // namespace cairn::rpc
