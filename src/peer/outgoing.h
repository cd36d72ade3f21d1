// OutgoingPeer: everything this member sends to one other, over one connection that is re-dialed for as long
// as the other is a member. Bounded: Config::unsent_bytes_max. What does not fit is dropped and reported;
// what waited for an attempt to connect that failed is dropped as well, since Raft will say it anew and
// better.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "peer/dialed.h"

namespace cairn::peer {

class OutgoingPeer final : public Dialed {
 public:
  // lost: an established connection was closed by the other side.
  OutgoingPeer(std::shared_ptr<Context> context, PeerAddress address, std::function<void(raft::NodeId)> lost,
               std::function<void(raft::NodeId)> connected);

  const PeerAddress& address() const { return address_; }
  using Dialed::place;
  bool is_at_one_of(const PeerAddress& address) const;
  // Where it is dialled from the next attempt on.
  void moves_to(PeerAddress address) { address_ = std::move(address); }
  void start();  // once; later calls do nothing
  void stop();
  void send(const raft::Message& message);
  bool send_note(std::string_view note);  // false: dropped
  void heartbeat();                       // when nothing was sent since the last call
  void retry_at_once();                   // the other is alive: it has just connected to us
  void fill(PeerStats* stats) const;

 private:
  void on_established() override;
  bool on_peer_frame(const Frame& frame) override;
  void on_ended(Ended how, const std::string& why) override;

  template <class Encode>
  bool put(FrameType type, std::size_t size_hint, Encode encode);
  void attempt();
  bool drop();
  void tell(bool connected, const std::string& why);

  PeerAddress address_;
  const std::function<void(raft::NodeId)> lost_, connected_;
  boost::asio::steady_timer retry_;
  bool started_ = false, waiting_ = false, stopped_ = false;
  Duration pause_;
  Time attempted_at_{};
  std::string queue_;  // whole frames, until the connection is established
  bool connected_before_ = false;
  std::string told_;  // why not, last
  bool sent_since_heartbeat_ = false, overflowing_ = false;
  std::uint64_t failures_ = 0;
};

}  // namespace cairn::peer
