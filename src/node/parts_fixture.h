// What stands for the rest of a Node while one of its parts is tried alone.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "node/core_port.h"
#include "node/ports.h"
#include "node/standing.h"

namespace cairn::node {

struct RecordingCore final : CorePort {
  void step(raft::Input input) override { inputs.push_back(std::move(input)); }
  template <class Kind>
  std::vector<Kind> taken() {  // and forgets all
    std::vector<Kind> all;
    for (raft::Input& input : std::exchange(inputs, {}))
      if (auto* kind = std::get_if<Kind>(&input)) all.push_back(std::move(*kind));
    return all;
  }
  std::vector<raft::Input> inputs;
};

struct RecordingTransport final : Transport {
  void configured(const std::vector<raft::Configuration>&) override {}
  void disbelieved(raft::NodeId, const std::string&) override {}
  struct Sent {
    raft::NodeId to;
    Bytes note;
  };
  void send(raft::Message) override {}
  bool send_note(raft::NodeId to, Bytes note) override {
    if (note_room == 0) return false;
    --note_room;
    notes.push_back({to, std::move(note)});
    return true;
  }
  std::size_t note_room = ~std::size_t{0};  // how many more are taken
  std::vector<Sent> taken() { return std::exchange(notes, {}); }
  std::vector<Sent> notes;
};

// Member 1, of a cluster that `leader` leads in `term`.
inline Standing led_by(std::uint64_t leader, std::uint64_t term = 3, Duration now = std::chrono::seconds(1)) {
  return {.now = Time(now),
          .wall_ms = 7,
          .self = raft::NodeId{1},
          .leader = raft::NodeId{leader},
          .term = raft::Term{term},
          .leadership = 10 * term + leader};
}

}  // namespace cairn::node
