// Session: what the frames of a connection that another member opened say to us, and whether they may be
// said: the hello, then messages and notes, or one snapshot stream. No socket and no clock in here, so that
// tests and the fuzzer drive the same code as the network. Owner: Incoming. Threading: its owner's. Bounded:
// by Limits; nothing is kept but numbers. After a refusal the connection is closed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "peer/frame.h"
#include "peer/peers.h"

namespace cairn::peer {

// Answer to the hello of a member that was removed, in this release's words: other words are only shown.
inline constexpr char kNoLongerMember[] = "this member was removed from the cluster";
// Likewise to one that the cluster of today has never had.
inline constexpr char kOfAnotherFounding[] =
    "its data is of another founding of this cluster: one of the two directories is from an earlier one, and "
    "has to be emptied or moved away";

// Who is heard: these members, and who is introduced by a newer configuration.
struct Known {
  std::set<raft::NodeId> members;
  raft::Position newest;                  // of the configurations that this member knows
  std::uint64_t founded = 0;              // raft::Life::founded of this member
  Time introductions_from = Time::min();  // before, nobody is heard by an introduction: docs/adr/0030
};

// Why this hello is not for us, for our own log: it may name what it was sent. Ok when it is.
Status check_hello(const Hello& hello, const Config& config, const Known& known, raft::Term ceiling,
                   Time now);

class Session {
 public:
  struct Greeted {};  // the hello is accepted
  struct Alive {};    // a heartbeat
  struct Note {
    std::string_view bytes;
  };
  struct Chunk {
    std::uint64_t number = 0;
    std::string_view stored;
  };
  struct SenderFailed {};  // of a snapshot stream: no more chunks come
  // Views are valid as long as the frame's payload.
  using Taken = std::variant<Greeted, Alive, raft::Message, Note, SnapshotBegin, Chunk, SenderFailed>;

  // Both outlive the session. Who is in `known` later, or no more, is the owner's business.
  Session(const Config& config, const Known& known) : config_(&config), known_(&known) {}

  tl::expected<Taken, Refusal> take(const Frame& frame, raft::Term ceiling, Time now);
  // The sender of a snapshot may send this chunk, and then waits for the next call.
  void want_chunk(std::uint64_t number) { wanted_ = number; }

  bool greeted() const { return greeted_; }
  const Hello& hello() const { return hello_; }
  bool introduced() const { return introduced_; }  // when it was greeted, no configuration here named it
  Refusal refuse(Refused reason, std::string why) const;

 private:
  tl::expected<Taken, Refusal> take_hello(const Frame& frame, raft::Term ceiling, Time now);
  tl::expected<Taken, Refusal> take_message(std::string_view payload, raft::Term ceiling);
  tl::expected<Taken, Refusal> begin_snapshot(std::string_view payload, raft::Term ceiling);
  tl::expected<Taken, Refusal> take_chunk(std::string_view payload);
  std::optional<Refusal> check(const raft::Message& message, raft::Term ceiling) const;

  const Config* config_;
  const Known* known_;
  Hello hello_;
  bool greeted_ = false, introduced_ = false;

  // A snapshot stream.
  bool begun_ = false;
  std::uint64_t chunks_ = 0;
  std::optional<std::uint64_t> wanted_;
};

}  // namespace cairn::peer
