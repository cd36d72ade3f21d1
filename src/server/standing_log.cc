#include "server/standing_log.h"

#include "base/hex_id.h"
#include "observe/log.h"
#include "raft/members.h"

namespace cairn::server {

void StandingLog::look(const node::MemberStatus& status) {
  for (const node::FollowerStatus& follower : status.followers) {
    if (follower.id == status.id) continue;
    Seen* before = &seen_[follower.id];
    // Who it was stands on record, also of who has not been heard of in this leadership.
    const raft::Recorded* known = raft::recorded(status.members, follower.id);
    if (known != nullptr && before->incarnation.v == 0) before->incarnation = known->incarnation;
    compare(follower, before);
  }
}

void StandingLog::compare(const node::FollowerStatus& now, Seen* before) const {
  const std::string member = hex_id(now.id.v), name = name_of_(now.id);
  const auto told = [&](bool is, bool* was, const char* well, const char* ill, const std::string& why) {
    if (is == *was) return;
    *was = is;
    if (is)
      log_info(well, {{"member", member}, {"name", name}});
    else
      log_warn(ill, {{"member", member}, {"name", name}, {"why", why}});
  };
  told(now.active, &before->active, "a member answers this leader again",
       "a member does not answer this leader; until it does, one failure less is tolerated",
       "nothing was heard of it for an election timeout, or the connection to it is lost");
  if (!now.current) return;  // in this leadership, or since it was lost: the rest is not known
  if (before->incarnation != now.incarnation && before->incarnation.v != 0)
    log_warn("a member has forgotten what it had promised, and begins a new life",
             {{"member", member},
              {"name", name},
              {"incarnation", hex_id(now.incarnation.v)},
              {"next", now.full ? "it has been taken in again already"
                                : "it is sent everything and taken in again by itself"}});
  before->incarnation = now.incarnation;
  told(now.full, &before->full, "a member has been taken in again: it votes and counts",
       "a member does not count: it does not remember what it may have promised",
       "it is being taken in again");
  const bool has_room = now.space == raft::Space::plenty;
  told(has_room, &before->room, "a member has room on its disk again", "a member has no room on its disk",
       "make room there");
  told(now.stuck.empty(), &before->catches_up, "a member catches up again",
       "a member is behind and cannot catch up", now.stuck);
}

}  // namespace cairn::server
