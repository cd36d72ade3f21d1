// StandingLog: what a leader's log says of the others: who has forgotten what it promised, is taken in again,
// stays behind, does not answer, has no room, and when that is over. Each change is one line. Owner: Runtime,
// which shows it the status every now and then. Threading: the loop's.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "node/status.h"

namespace cairn::server {

class StandingLog {
 public:
  using NameOf = std::function<std::string(raft::NodeId)>;
  explicit StandingLog(NameOf name_of) : name_of_(std::move(name_of)) {}
  void look(const node::MemberStatus& status);

 private:
  struct Seen {
    raft::Incarnation incarnation;
    bool active = true, full = true, room = true, catches_up = true;
  };
  void compare(const node::FollowerStatus& now, Seen* before) const;

  const NameOf name_of_;
  std::map<raft::NodeId, Seen> seen_;
};

}  // namespace cairn::server
