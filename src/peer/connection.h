// Connection: one TCP connection of the peer protocol: frames in, frames out, and the reason it ended.
// Owner: a link (outgoing, incoming, snapshot). Threading: the thread that runs the io_context.
// Bounded: incoming frames by the limit; what waits to be written by the link, which reads unsent_bytes().
// Whatever goes wrong ends in exactly one on_closed, unless the link itself called close(): then in none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/time.h"
#include "net/channel.h"
#include "peer/frame.h"
#include "peer/peers.h"

namespace boost::asio {
class io_context;
}

namespace cairn::peer {

enum class Closed {
  by_peer,      // its process closed the connection, or its machine says that nobody holds it
  unreachable,  // the network does not carry our bytes any more
  protocol,     // it sent something that is no frame
};

class Connection final : public std::enable_shared_from_this<Connection>, private net::Channel::User {
 public:
  struct Link {
    virtual ~Link() = default;
    // False: the frame is not acceptable here; the link has said why and the connection is closed silently.
    virtual bool on_frame(const Frame& frame) = 0;
    virtual void on_closed(Closed how, const std::string& why) = 0;
  };

  // `with`: who it is, for the layer. Null: none.
  Connection(boost::asio::io_context& io, net::Socket&& socket, const Config& config, const net::Layer& layer,
             const std::string& with);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Reads from here on. The link lives at least as long as the connection is open.
  void start(std::shared_ptr<Link> link);
  // Whoever is on the other side has said who it is: from here on frames may be large.
  void greeted() { reader_.set_limit(limits_.frame_bytes_max); }

  // Frames are appended here, followed by a flush. All flushes of a turn of the loop become one write.
  std::string* out() { return &pending_; }
  void flush();
  // Writes what is pending, then closes without on_closed. Reading stops.
  void finish();
  void close();

  bool open() const { return open_; }
  std::size_t unsent_bytes() const { return pending_.size() + writing_.size() - written_; }
  std::uint64_t sent_bytes() const { return sent_bytes_; }
  std::uint64_t received_bytes() const { return received_bytes_; }
  Time last_received() const { return last_received_; }
  Duration round_trip() { return channel_->round_trip(); }

 private:
  std::span<char> room() override { return reader_.prepare(); }
  void on_bytes(std::size_t count) override;
  void on_written() override;
  void on_end(const net::Channel::End& end) override;
  void write();
  std::string_view piece() const;
  void piece_written();
  void fail(Closed how, const std::string& why);
  bool take_frames();

  boost::asio::io_context& io_;
  const std::shared_ptr<net::Channel> channel_;
  const Limits limits_;
  FrameReader reader_;
  std::shared_ptr<Link> link_;  // a cycle until closed
  std::string pending_, writing_;
  std::size_t written_ = 0;  // of writing_
  bool busy_ = false;        // the channel has a piece of writing_
  bool open_ = true, flush_posted_ = false, finishing_ = false;
  std::uint64_t sent_bytes_ = 0, received_bytes_ = 0;
  Time last_received_{};
};

}  // namespace cairn::peer
