// Peers: the connections of one member to the others, on the peer port. Speaks only the framed, checksummed
// protocol of docs/format/peer.md; never serves a client, and hears nobody but the members it was told of.
// Threading: everything on the thread that runs the io_context. Bounded: frames, connections, and unsent
// bytes per peer (beyond, messages to that peer are dropped: Raft retries).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "net/channel.h"
#include "peer/limits.h"
#include "raft/types.h"

namespace boost::asio {
class io_context;
}

namespace cairn::peer {

struct Introduction;  // peer/frame.h

struct Config {
  std::uint64_t cluster_id = 0;
  raft::NodeId self;
  raft::Term term_at_start;  // of this member: what others claim later is compared with it; 0: none yet
  Limits limits;
  std::size_t unsent_bytes_max = std::size_t{64} << 20;                // per peer
  std::uint64_t snapshot_bytes_per_second = std::uint64_t{200} << 20;  // per stream
  // Accepted connections that have not said who they are. One more, and the oldest of them is closed: whoever
  // opens them and stays silent keeps no member out. Greeted ones are one of each kind a member, at most.
  std::size_t ungreeted_max = 256;
  // Connections of those that are heard by an introduction only. One more, and the oldest is closed.
  std::size_t introduced_max = 32;
  Duration hello_timeout = std::chrono::milliseconds(2000);  // of an accepted connection, however busy it is
  // An idle outgoing connection carries a heartbeat this often; an incoming one silent for longer than
  // silence_timeout is given up, and so is an outgoing one whose bytes nobody acknowledges for that long.
  Duration heartbeat_interval = std::chrono::milliseconds(300);
  Duration silence_timeout = std::chrono::milliseconds(2000);
  Duration connect_timeout = std::chrono::milliseconds(1000);  // resolve, connect and hello together
  Duration retry_min = std::chrono::milliseconds(50);          // first pause after a failure; doubles up to
  Duration retry_max = std::chrono::milliseconds(1000);        // this one, counted from attempt to attempt
  Duration snapshot_stall_timeout = std::chrono::seconds(30);  // a stream without progress for so long fails
  // Of the kernel's probes: whole seconds, at least one; after so many unanswered ones a connection is dead.
  Duration keep_alive_interval = std::chrono::seconds(2);
  int keep_alive_probes = 2;
  // What connections are spoken through: those that others open, and those to others, by the hosts of their
  // URLs.
  net::Layer accepted_through{}, dialed_through{};
};

using Place = std::pair<std::string, std::uint16_t>;  // host and port

struct PeerAddress {
  raft::NodeId id;
  std::string host;
  std::uint16_t port = 0;
  // Where else it may be reached: each failed attempt goes on to the next.
  std::vector<Place> also{};
  bool has(const Place& place) const {
    return place == Place(host, port) || std::find(also.begin(), also.end(), place) != also.end();
  }
  bool operator==(const PeerAddress&) const = default;
};

// Where this member stands in the configurations of its log: raft::Output::configurations.
struct Standing {
  raft::Position newest;  // of the configuration in force
  PeerAddress self;       // where they say that the others reach this member; port 0: they do not
  // Of the newest one that names both this member and the other: it introduces itself by that one to who may
  // not have got so far.
  std::map<raft::NodeId, raft::Position> named_at{};
};

// For status and metrics.
struct PeerStats {
  raft::NodeId id;
  bool connected = false;  // our connection to it is established
  bool incoming = false;   // its connection to us is
  std::uint64_t sent_bytes = 0, received_bytes = 0;
  std::uint64_t send_failures = 0;  // messages dropped
  Duration round_trip{};            // of the transport, as the kernel estimates it; 0 when not connected
};

// Why a connection was closed, or not taken. The names are the labels of a metric.
enum class Refused : std::uint8_t {
  bytes,        // not the peer protocol, or damaged
  hello,        // another cluster, another member, or nobody's
  frame,        // what cannot be decoded, or has no place here
  identity,     // a message in another member's name
  implausible,  // what no member says: peer/plausible.h
  disbelieved,  // what the core does not believe: raft::Disbelieved
  crowded,      // too many connections said nothing
  by_other,     // the other side refused us
};
inline constexpr std::size_t kRefusedCount = 8;
const char* name(Refused reason);

struct Refusal {
  Refused reason = Refused::bytes;
  raft::NodeId who;               // the member that it came from, or pretended to; 0: not known
  std::string why;                // for our log
  std::string answer;             // for the other side: not a word that a stranger should not have
  bool impossible_term = false;   // is why: what a member says that was lied to
  bool no_longer_member = false;  // by_other: it says that this member was removed
  bool names_another = false;     // hello: of this cluster, to another member at this place
};

// What arrives. Implemented by server/. All on the loop thread, and never from within a call of Peers.
// What has become of the connection to a member: said when it is made, when it ends, and when it cannot be
// made for another reason than was said last. A refusal of the other side is said by on_refused().
struct LinkNews {
  raft::NodeId peer;
  std::string address;  // "10.0.0.2:2380"
  bool connected = false;
  bool was_connected = false;
  std::string why;  // it is not
};

struct Receiver {
  virtual ~Receiver() = default;
  virtual void on_message(raft::Message message) = 0;
  virtual void on_note(raft::NodeId from, Bytes note) = 0;
  virtual void on_unreachable(raft::NodeId peer) = 0;  // could not connect, or messages were dropped
  virtual void on_connection_lost(
      raft::NodeId peer) = 0;  // an established connection was closed by the other side
  virtual void on_refused(const Refusal& refusal) = 0;  // at most once a connection
  virtual void on_link(const LinkNews& news) = 0;
  // What it sends could not be taken, for a reason of our own; it has been told.
  virtual void on_snapshot_refused(raft::NodeId peer, const Error& why) = 0;
  // Who is in no configuration that this member knows is heard for a while, by a later one. from: the address
  // that it connects from.
  virtual void on_introduced(raft::NodeId peer, const Introduction& by, const std::string& from) = 0;
  virtual raft::Term own_term() const = 0;      // now; 0: none that counts
  virtual Time introductions_from() const = 0;  // as things are: Known::introductions_from
  virtual std::uint64_t founded() const = 0;    // raft::Life::founded
};

struct SnapshotEnd {    // of a stream that we sent
  bool ok = false;      // the receiver has it durably
  std::string refused;  // why it cannot take it, in its words; empty: it has not said anything
};

// Where snapshots come from and go to; server/ runs the disk work on the snapshot thread. Every completion
// may be called from any thread.
struct SnapshotFiles {
  virtual ~SnapshotFiles() = default;
  virtual void manifest(raft::SnapshotMeta meta, std::function<void(Result<std::string>)> done) = 0;
  virtual void chunk(raft::SnapshotMeta meta, std::uint64_t number,
                     std::function<void(Result<std::string>)> done) = 0;
  // A stream begins: answers the number of the first chunk still wanted. To be refused if the manifest is
  // not that of `meta`: the core is offered the one, and would be given the other.
  virtual void begin_receive(raft::NodeId from, raft::SnapshotMeta meta, std::string manifest,
                             std::function<void(Result<std::uint64_t>)> done) = 0;
  virtual void receive_chunk(raft::NodeId from, std::uint64_t number, std::string stored,
                             std::function<void(Status)> done) = 0;
  virtual void finish_receive(raft::NodeId from, std::function<void(Status)> done) = 0;  // durable afterwards
};

class Peers {
 public:
  Peers(boost::asio::io_context& io, Config config, Receiver& receiver, SnapshotFiles& files);
  ~Peers();
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  // The other members: connects to each, and keeps trying with back-off; who stays, at the same address,
  // keeps its connections. Who is not among them is not heard: not before the first call, and not any more
  // after a call that leaves it out, but by an introduction. Who has port 0 is heard, and not connected to.
  void set_peers(std::vector<PeerAddress> peers, Standing standing = {});
  // What it said was not believed: its connections are closed if it is heard by an introduction.
  void disbelieve(raft::NodeId who, const std::string& why);
  void send(raft::Message message);  // queued; goes out in one write a loop turn and connection
  // False: the peer has too much unsent, and the note is dropped.
  bool send_note(raft::NodeId to, Bytes note);
  // Streams the snapshot of offer.body's meta; done() on the loop thread.
  void send_snapshot(raft::Message offer, std::uint64_t chunks, std::function<void(SnapshotEnd)> done);
  std::vector<PeerStats> stats() const;
  std::uint64_t refused(Refused reason) const;  // since the start
  void close();  // nothing is reported any more; pending snapshots are done, and not ok

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::peer
