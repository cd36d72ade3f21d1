// Sequences of what members, liars and strangers send to one member of three: hellos, messages, notes and
// snapshot streams on several connections, through the same reader, session and checks as from the network
// and then into a real core, whose invariants must hold after every step, whatever was said. Between them
// time passes, writes become durable and clients ask for things.
//
// The input is a list of actions: one byte (which, and on which connection), a 16-bit length, and so many
// bytes. The harness computes checksums and, for most, the names of the two members, so that the fuzzer need
// not guess them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "node/command_codec.h"
#include "peer/codec.h"
#include "peer/frame.h"
#include "peer/plausible.h"
#include "peer/session.h"
#include "raft/invariants.h"
#include "raft/members.h"

namespace {

using namespace cairn;
using peer::ConnectionKind;
using peer::FrameType;

constexpr raft::NodeId kSelf{1};
constexpr std::uint64_t kCluster = 77;
constexpr std::size_t kActionsMax = 300;

raft::Members members() {
  raft::Members three;
  three.voters = {kSelf, raft::NodeId(2), raft::NodeId(3)};
  std::vector<raft::Recorded> ballot;
  for (const raft::NodeId id : three.voters) ballot.push_back({id, raft::Incarnation(id.v), true});
  raft::found(&three, ballot);
  return three;
}

// A member that has been one for a while: its log begins with the configuration.
raft::Recovered recovered() {
  raft::Recovered out;
  out.hard_state.term = raft::Term(2);
  out.hard_state.life = {raft::Incarnation(kSelf.v), 3, true, 0, members().founded};
  out.snapshot.members = members();
  out.entries = {{raft::Term(1), raft::Index(1), raft::EntryType::members, raft::encode(members())},
                 {raft::Term(2), raft::Index(2), raft::EntryType::command, make_bytes("value")}};
  return out;
}

raft::Config small_core() {
  raft::Config config;
  config.id = kSelf;
  config.append_bytes_max = 100;
  config.inflight_bytes_max = 300;
  config.inflight_count_max = 3;
  config.uncommitted_bytes_max = 1000;
  config.log_keep_bytes = 100;
  config.log_keep_lagging_bytes = 100;
  config.forwarded_reads_max = 4;
  config.state_hashes_max = 4;
  return config;
}

peer::Config small_peer() {
  peer::Config config;
  config.cluster_id = kCluster;
  config.self = kSelf;
  config.limits.members_max = 8;
  config.limits.entries_max = 64;
  config.limits.snapshot_chunks_max = 4;
  return config;
}

struct Action {
  std::uint8_t code = 0;
  std::string_view bytes;
};

std::optional<Action> next_action(std::string_view* from) {
  if (from->size() < 3) return std::nullopt;
  Action action{static_cast<std::uint8_t>((*from)[0]), {}};
  const auto size = static_cast<std::size_t>(static_cast<std::uint8_t>((*from)[1]) |
                                             static_cast<std::uint8_t>((*from)[2]) << 8U);
  from->remove_prefix(3);
  action.bytes = from->substr(0, size);
  from->remove_prefix(action.bytes.size());
  return action;
}

class Member {
 public:
  Member() : core_(small_core(), recovered(), now_) {}

  bool stopped() const { return stopped_; }

  void act(const Action& action) {
    Connection& on = connections_[action.code >> 4U & 3U];
    switch (action.code & 15U) {
      case 0:
        return hello(&on, !action.bytes.empty());
      case 1:
        return frame(&on, FrameType::hello, action.bytes);
      case 2:
        return frame(&on, FrameType::message, action.bytes);
      case 3:
        return frame(&on, FrameType::message, named(on, action.bytes));
      case 4:
        return frame(&on, FrameType::note, action.bytes);
      case 5:
        return frame(&on, static_cast<FrameType>(1 + action.bytes.size() % 10), action.bytes);
      case 6:
        return arrive(&on, std::string(action.bytes));
      case 7:
        return snapshot_begin(&on, action.bytes);
      default:
        return inside(action);
    }
  }

 private:
  struct Connection {
    raft::NodeId from;
    ConnectionKind kind = ConnectionKind::messages;
    std::optional<peer::Session> session{};
    std::optional<peer::FrameReader> reader{};
    raft::Message offer{};
    std::uint64_t chunks = 0;
  };

  void hello(Connection* on, bool introduces) {
    std::string out;
    peer::Hello hello{.kind = on->kind, .cluster_id = kCluster, .from = on->from, .to = kSelf};
    if (introduces) hello.introduction = peer::Introduction{{raft::Term(2), raft::Index(1)}, "host", 2380};
    peer::put_hello(&out, hello);
    arrive(on, out);
  }
  void frame(Connection* on, FrameType type, std::string_view payload) {
    std::string out;
    peer::put_frame(&out, type, payload);
    arrive(on, out);
  }
  // A message's kind, the names of its connection, and the rest as it is.
  static std::string named(const Connection& on, std::string_view bytes) {
    std::string out(bytes.substr(0, 1));
    for (const std::uint64_t id : {on.from.v, kSelf.v}) {
      for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(id >> 8 * i));
    }
    return out.append(bytes.substr(std::min<std::size_t>(1, bytes.size())));
  }
  void snapshot_begin(Connection* on, std::string_view bytes) {
    std::string out(1, static_cast<char>(bytes.size() % 4));  // chunks
    out.push_back('\0');                                      // no manifest
    frame(on, FrameType::snapshot_begin, out + named(*on, bytes));
  }

  // What peer/connection.cc and peer/incoming.cc do with bytes.
  void arrive(Connection* on, const std::string& bytes) {
    if (!on->session) {
      on->session.emplace(config_, known_);
      on->reader.emplace(config_.limits);
    }
    std::string_view left = bytes;
    while (!left.empty()) {
      const auto room = on->reader->prepare();
      const std::size_t size = std::min(room.size(), left.size());
      left.copy(room.data(), size);
      left.remove_prefix(size);
      on->reader->commit(size);
      for (;;) {
        auto next = on->reader->next();
        if (!next) return close(on);
        if (!*next) break;
        auto taken = on->session->take(**next, ceiling_, now_);
        if (!taken) return close(on);
        if (!take(on, *std::move(taken))) return close(on);
      }
    }
  }
  static void close(Connection* on) {
    on->session.reset();
    on->reader.reset();
  }

  bool take(Connection* on, peer::Session::Taken taken) {
    using peer::Session;
    CHECK(known_.members.contains(on->from) || on->session->introduced());  // nobody else is heard
    if (std::holds_alternative<Session::Greeted>(taken)) {
      on->reader->set_limit(config_.limits.frame_bytes_max);
    } else if (auto* message = std::get_if<raft::Message>(&taken)) {
      CHECK(message->from == on->session->hello().from && message->to == kSelf);
      step(raft::Received{std::move(*message)});
    } else if (const auto* note = std::get_if<Session::Note>(&taken)) {
      const node::Note said = node::parse_note(make_bytes(std::string(note->bytes)));
      const auto* writes = std::get_if<node::ForwardedWrites>(&said);
      if (writes != nullptr && writes->term == core_.state().term)
        step(raft::Propose{2, make_bytes(std::string(writes->batch))});
    } else if (auto* begin = std::get_if<peer::SnapshotBegin>(&taken)) {
      on->offer = std::move(begin->offer);
      on->chunks = begin->chunks;
      return want(on, 0);
    } else if (const auto* chunk = std::get_if<Session::Chunk>(&taken)) {
      return want(on, chunk->number + 1);
    } else if (std::holds_alternative<Session::SenderFailed>(taken)) {
      return false;
    }
    return true;
  }
  bool want(Connection* on, std::uint64_t chunk) {
    if (chunk < on->chunks) {
      on->session->want_chunk(chunk);
      return true;
    }
    step(raft::Received{std::move(on->offer)});
    return false;
  }

  // What happens within the member itself.
  void inside(const Action& action) {
    const raft::State& state = core_.state();
    const std::uint64_t argument = action.bytes.empty() ? 0 : static_cast<std::uint8_t>(action.bytes[0]);
    const raft::NodeId other{2 + argument % 2};
    switch (action.code & 15U) {
      case 8:
        now_ += std::chrono::milliseconds(argument * 10);
        return step(raft::Tick{});
      case 9:
        step(raft::Flush{});
        return step(raft::Persisted{state.durability.issued()});
      case 10:
        return step(raft::Propose{1, make_bytes(std::string(argument, 'p'))});
      case 11:
        return step(raft::ReadBarrier{argument});
      case 12:
        return step(raft::Applied{.index = state.handed, .forget = state.handed, .keep_bytes = argument});
      case 13:
        if (state.applied.v == 0 || state.applied < state.log.snapshot().index) return;
        return step(raft::SnapshotSaved{raft::snapshot_meta_at(state, state.applied)});
      case 14:
        if (argument < 64) return step(raft::TransferLeadership{raft::NodeId(argument % 4)});
        if (argument < 128) return step(raft::Unreachable{other});
        if (argument < 192) return step(raft::ConnectionLost{other});
        return step(raft::SnapshotSent{other, argument % 2 == 0});
      default:
        return step(raft::ChangeMembers{3, {kSelf, raft::NodeId(2), raft::NodeId(2 + argument % 4)}, {}});
    }
  }

  void step(raft::Input input) {
    if (stopped_) return;
    const raft::Summary before = raft::summarize(core_.state());
    raft::Output out;
    core_.step(now_, std::move(input), &out);
    const auto broken = raft::violations(before, core_.state());
    for (const std::string& line : broken) std::fprintf(stderr, "%s\n", line.c_str());
    CHECK(broken.empty());
    for (const raft::Message& message : out.send) said(message);
    stopped_ = !out.diverged.empty();  // the driver puts all it has aside and starts again
  }
  // Whatever it was told, a member says only what others believe it can say.
  void said(const raft::Message& message) {
    std::string bytes;
    peer::encode_message(message, &bytes);
    CHECK(peer::decode_message(bytes).has_value());
    const Status fine = peer::plausible(message, {}, raft::Term(ceiling_.v + kActionsMax));
    if (!fine) std::fprintf(stderr, "%s\n", fine.error().message.c_str());
    CHECK(fine.has_value());
  }

  const peer::Config config_ = small_peer();
  const raft::Term ceiling_ = peer::term_ceiling(config_.limits, raft::Term(2), {});
  const peer::Known known_{{raft::NodeId(2), raft::NodeId(3)}, {raft::Term(1), raft::Index(1)}};
  std::array<Connection, 4> connections_{Connection{raft::NodeId(2)}, Connection{raft::NodeId(3)},
                                         Connection{raft::NodeId(2), ConnectionKind::snapshot},
                                         Connection{raft::NodeId(9)}};
  Time now_{std::chrono::seconds(1)};
  raft::Core core_;
  bool stopped_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Member member;
  for (std::size_t i = 0; i < kActionsMax; ++i) {
    const auto action = next_action(&bytes);
    if (!action || member.stopped()) break;
    member.act(*action);
  }
  return 0;
}
