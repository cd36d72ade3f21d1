#include "sim/checks/monotonic.h"

#include <string>

namespace cairn::sim {
namespace {

std::string text(const Positions& at) {
  return "term " + std::to_string(at.term.v) + " commit " + std::to_string(at.commit.v) + " applied " +
         std::to_string(at.applied.v) + " last " + std::to_string(at.last.v) + " revision " +
         std::to_string(at.revision);
}

}  // namespace

void check_monotonic(Judge& judge, raft::NodeId member, const Positions& before, const Positions& now) {
  const bool is_same = now.incarnation == before.incarnation;
  const bool grows = (now.term >= before.term || !is_same) && now.commit >= before.commit &&
                     now.applied >= before.applied && now.revision >= before.revision;
  const bool ordered = now.applied <= now.commit && now.commit <= now.last;
  if (grows && ordered) return;
  judge.accuse("I8 monotonic",
               "member " + std::to_string(member.v) + " went from " + text(before) + " to " + text(now));
}

}  // namespace cairn::sim
