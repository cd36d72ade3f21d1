#include "node/membership_about.h"

#include <algorithm>

#include "proto/command.pb.h"
#include "raft/members.h"

namespace cairn::node {

bool votes_when_ready(const raft::Members& members, raft::NodeId learner) {
  const raft::About* const about = raft::about(members, learner);
  command::PublishMember said;
  return about != nullptr && said.ParseFromString(about->text) && said.votes_when_ready();
}

std::string updated(const raft::Members& members, raft::NodeId member, const std::string& text) {
  command::PublishMember said;
  if (!votes_when_ready(members, member) || !said.ParseFromString(text)) return text;
  said.set_votes_when_ready(true);
  return said.SerializeAsString();
}

std::optional<raft::NodeId> who_is_reached_there(const raft::Members& members, raft::NodeId member,
                                                 const std::string& text) {
  command::PublishMember asked, said;
  if (!asked.ParseFromString(text)) return std::nullopt;
  for (const raft::About& each : members.about) {
    if (each.id == member || !said.ParseFromString(each.text)) continue;
    for (const std::string& url : asked.peer_urls())
      if (std::find(said.peer_urls().begin(), said.peer_urls().end(), url) != said.peer_urls().end())
        return each.id;
  }
  return std::nullopt;
}

}  // namespace cairn::node
