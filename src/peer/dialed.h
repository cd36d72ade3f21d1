// Dialed: a connection that this member opens to a peer: resolve, connect, hello, answer, all within one
// deadline. The base of OutgoingPeer (messages) and SnapshotSender. One attempt at a time. Threading: the
// thread that runs the io_context.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "peer/connection.h"
#include "peer/peers.h"
#include "peer/session.h"

namespace cairn::peer {

// What all links of one Peers share. Outlives every use: links check `closed` first, as their last handlers
// may run after Peers has gone.
struct Context {
  // Counts and reports it. The receiver may close everything from within.
  void refuse(const Refusal& refusal);
  void look_at_receiver();  // before somebody is judged by `known`
  Hello hello_to(raft::NodeId peer, ConnectionKind kind) const;
  raft::Term term_ceiling();

  boost::asio::io_context& io;
  Config config;
  Receiver& receiver;
  SnapshotFiles& files;
  Prng prng;
  Time started;
  raft::Term term_base{config.term_at_start};  // peer/plausible.h
  Known known{};                               // the others; nobody else is heard, but by an introduction
  Standing standing{};                         // this member's own, for its hellos
  std::array<std::uint64_t, kRefusedCount> refused{};
  std::map<raft::NodeId, std::size_t> failures{};  // to connect: which of its addresses is next
  bool closed = false;
};

enum class Ended { not_connected, refused, closed_by_peer, unreachable };

class Dialed : public Connection::Link, public std::enable_shared_from_this<Dialed> {
 public:
  Dialed(std::shared_ptr<Context> context, ConnectionKind kind);

  bool established() const { return established_; }
  std::uint64_t sent_bytes() const { return sent_before_ + (connection_ ? connection_->sent_bytes() : 0); }

  bool on_frame(const Frame& frame) final;
  void on_closed(Closed how, const std::string& why) final;

 protected:
  virtual void on_established() = 0;
  virtual bool on_peer_frame(const Frame& frame) = 0;
  // The attempt, or the established connection, is over; not called after hang_up().
  virtual void on_ended(Ended how, const std::string& why) = 0;

  void dial(const PeerAddress& address);
  Place place() const { return {address_.host, address_.port}; }  // of the last attempt
  std::string dialed() const { return address_.host + ":" + std::to_string(address_.port); }
  void hang_up();

  std::shared_ptr<Context> context_;
  std::shared_ptr<Connection> connection_;  // null while nothing is connected

 private:
  void connect(std::vector<boost::asio::ip::tcp::endpoint> endpoints);
  void say_hello(net::Socket&& socket);
  void end(Ended how, const std::string& why);

  const ConnectionKind kind_;
  PeerAddress address_;
  std::uint64_t attempt_ = 0;  // handlers of an older attempt know themselves by it
  bool established_ = false;
  std::uint64_t sent_before_ = 0;  // on connections that have ended
  boost::asio::steady_timer deadline_;
  boost::asio::ip::tcp::resolver resolver_;
  std::shared_ptr<net::Socket> connecting_;
};

}  // namespace cairn::peer
