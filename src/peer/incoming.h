// Incoming: a connection that somebody opened to us. Its Session says what arrives and what is refused; here
// are the socket, the answers and the time that things may take. Threading: the thread that runs the
// io_context.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "peer/dialed.h"
#include "peer/session.h"

namespace cairn::peer {

class Incoming final : public Connection::Link, public std::enable_shared_from_this<Incoming> {
 public:
  struct Events {
    // Greeted: the hello was accepted. Ended: the connection is over, for whatever reason but close().
    std::function<void(Incoming*)> greeted;
    std::function<void(Incoming*, bool by_peer)> ended;
  };

  Incoming(std::shared_ptr<Context> context, net::Socket&& socket, Events events);
  void start();
  void close();
  // Now and then: gives up on a connection that stays silent for too long. While our own disk is what a
  // snapshot stream waits for, tells the sender so.
  void tick(Time now);

  bool greeted() const { return session_.greeted(); }
  raft::NodeId from() const { return session_.hello().from; }
  // No configuration here named it when it came.
  bool introduced() const { return greeted() && session_.introduced(); }
  const Introduction& introduction() const { return *session_.hello().introduction; }  // if introduced
  // Null: it did not say by which configuration it is called, and where it is reached by that.
  const Introduction* told_address() const {
    return greeted() && session_.hello().introduction ? &*session_.hello().introduction : nullptr;
  }
  ConnectionKind kind() const { return session_.hello().kind; }
  Time accepted_at() const { return accepted_at_; }
  const std::string& remote() const { return remote_; }  // address and port
  std::uint64_t received_bytes() const { return connection_->received_bytes(); }

  bool on_frame(const Frame& frame) override;
  void on_closed(Closed how, const std::string& why) override;

 private:
  bool take(Session::Taken taken);
  void begin_snapshot(SnapshotBegin begin);
  void take_chunk(const Session::Chunk& chunk);
  void chunk_wanted(std::uint64_t number);
  void finish_snapshot();
  void fail_snapshot(const Error& why);
  bool refuse(Refusal refusal);
  // Wraps a completion of SnapshotFiles, which any thread may call: it runs on the loop, while we are still
  // open.
  template <class Argument, class Then>
  std::function<void(Argument)> on_loop(Then then);

  std::shared_ptr<Context> context_;
  std::shared_ptr<Connection> connection_;
  Events events_;
  Session session_;
  const std::string remote_;
  const Time accepted_at_;
  Time last_progress_;

  // A snapshot stream: at most one chunk is with the disk at a time.
  raft::Message offer_;
  std::uint64_t chunks_ = 0;
  bool disk_busy_ = false;
};

}  // namespace cairn::peer
