// Hostile: somebody who reaches the members' peer ports and says there what no member could say, in their
// names, through the frames, sessions and checks of peer/ as they ship. What cannot be true is to be refused
// before it touches anything. What could be (late, meant for somebody else, an answer that nobody waits for)
// is handed to the member, which it is to do no harm to: all invariants hold, and the cluster goes on
// serving. Not here: lies that only a proof of identity could tell from the truth (docs/format/peer.md, "What
// is believed"), such as an acknowledgement of what was sent, or a vote in a running election.
// Owner: Cluster. Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/prng.h"
#include "peer/frame.h"
#include "raft/types.h"
#include "sim/world.h"

namespace cairn::sim {

class Hostile {
 public:
  explicit Hostile(World& world)
      : world_(world),
        prng_(world.options.seed ^ 0x686f7374696c65U),
        inventor_(world.options.seed ^ 0x696e76656e74U) {}
  void start();
  void stop() { stopped_ = true; }

 private:
  enum class Answer : std::uint8_t { refused, taken, any };
  struct Lie {
    const char* name;
    std::string frame;
    Answer right;
  };
  struct Victim;

  void speak();
  std::optional<Victim> choose(Prng* prng);
  void invent();
  void claim_to_lead(const Victim& victim);
  void raise_term(const Victim& victim);
  void greet_wrongly(const Victim& victim);
  void say(const Victim& victim, const Lie& lie);
  void accuse(const Victim& victim, const char* lie, const std::string& what);
  raft::Message honest(const Victim& victim, raft::Body body) const;
  raft::AppendRequest entries(const Victim& victim);
  Lie lie(const Victim& victim);
  Lie impossible_number(const Victim& victim);
  Lie impossible_entries(const Victim& victim);
  Lie impossible_life(const Victim& victim);
  Lie impossible_frame(const Victim& victim);
  Lie snapshot_of_nothing(const Victim& victim);
  Lie reply_to_another(const Victim& victim);
  Lie reply_never_asked_for(const Victim& victim);
  Lie late_question(const Victim& victim);
  Lie strange_note(const Victim& victim);

  World& world_;
  Prng prng_;
  Prng inventor_;
  bool stopped_ = false;
};

}  // namespace cairn::sim
