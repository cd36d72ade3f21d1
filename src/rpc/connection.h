// Connection: one accepted channel and the Session that speaks on it, chosen by the first bytes. Internal to
// rpc/. Owner: Server::Impl, and the asynchronous operations in flight. Threading: the io_context's thread.
// One write a loop turn: sessions ask for wake(), which posts one flush; what they produce until then goes
// together. Bounded: bytes collected for one write, by Limits::write_bytes_max; the rest waits in the
// session.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/channel.h"
#include "rpc/handler.h"
#include "rpc/limits.h"
#include "rpc/session.h"
#include "rpc/shares.h"

namespace boost::asio {
class io_context;
}

namespace cairn::rpc {

// What all connections of a server share.
struct ConnectionShared {
  ConnectionShared(boost::asio::io_context& with, const Limits& those, Handler& to,
                   std::function<void()> soon)
      : io(with), limits(those), handler(to), shares(those, std::move(soon)) {}
  boost::asio::io_context& io;
  const Limits limits;
  Handler& handler;
  Shares shares;
  std::vector<char> input{
      std::vector<char>(limits.input_bytes)};  // one read at a time: the loop has one thread
  std::function<void(class Connection&)> on_closed;
};

class Connection final : public std::enable_shared_from_this<Connection>,
                         private Session::Owner,
                         private net::Channel::User {
 public:
  // `source` as the accepting server counts it.
  Connection(std::shared_ptr<ConnectionShared> shared, std::shared_ptr<net::Channel> channel,
             std::string source);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  void drain();
  void close();
  void release();  // ends the calls of a closed connection now; not from inside one of them
  void check_time(Time now);
  const std::string& source() const { return source_; }

 private:
  void wake() override;
  std::string_view common_name() const override { return channel_->common_name(); }
  std::span<char> room() override { return shared_->input; }
  void on_bytes(std::size_t count) override;
  void on_written() override;
  void on_end(const net::Channel::End&) override { close(); }
  void receive(std::string_view bytes, Time now);
  bool choose_session(std::string_view* bytes, Time now);
  void flush();
  void after_flush();
  void linger();

  std::shared_ptr<ConnectionShared> shared_;
  const std::shared_ptr<net::Channel> channel_;
  const std::string source_;
  std::unique_ptr<Session> session_;  // null until the first bytes tell the protocol
  std::string first_bytes_;
  std::string out_;
  Time opened_{};
  Time linger_deadline_{};
  bool writing_ = false;  // out_ is being written
  bool flush_posted_ = false;
  bool draining_ = false;
  bool lingering_ = false;
  bool closed_ = false;
};

}  // namespace cairn::rpc
