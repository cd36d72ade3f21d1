// SnapshotSender: streams one snapshot to one peer on a connection of its own. The receiver asks for each
// chunk by its number, so a stream that broke goes on where it stopped: the next sender is asked for the
// first chunk missing. Bounded: one chunk in memory at a time, and Config::snapshot_bytes_per_second.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "peer/dialed.h"

namespace cairn::peer {

class SnapshotSender final : public Dialed {
 public:
  SnapshotSender(std::shared_ptr<Context> context, PeerAddress address, raft::Message offer,
                 std::uint64_t chunks, std::function<void(SnapshotEnd)> done);
  void start();
  void cancel();               // done, and not ok, at once
  void check_stall(Time now);  // the same when nothing has moved for too long
  bool over() const { return !done_; }
  raft::NodeId to() const { return address_.id; }

 private:
  void on_established() override;
  bool on_peer_frame(const Frame& frame) override;
  void on_ended(Ended how, const std::string& why) override;

  const raft::SnapshotMeta& meta() const { return std::get<raft::SnapshotOffer>(offer_.body).meta; }
  void begin(Result<std::string> manifest);
  void chunk_asked(std::uint64_t number);
  void send_chunk(std::uint64_t number, Result<std::string> stored);
  void give_up(const std::string& why);
  void finish(SnapshotEnd end);
  template <class Then>
  std::function<void(Result<std::string>)> on_loop(Then then);

  const PeerAddress address_;
  const raft::Message offer_;
  const std::uint64_t chunks_;
  std::function<void(SnapshotEnd)> done_;  // empty once called
  bool busy_ = false;                      // a chunk is on its way from the disk or waits for its time
  boost::asio::steady_timer pace_;
  Time next_send_{}, last_progress_;
};

}  // namespace cairn::peer
