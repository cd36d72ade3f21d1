#include "server/reach.h"

#include <algorithm>

#include "base/check.h"
#include "proto/command.pb.h"
#include "raft/members.h"
#include "server/urls.h"

namespace cairn::server {
namespace {

// The others try them in this order.
template <class Urls>
std::optional<peer::PeerAddress> address_at(raft::NodeId id, const Urls& urls) {
  std::optional<peer::PeerAddress> address;
  for (const std::string& text : urls) {
    const Result<Url> url = parse_url(text);
    if (!url) continue;
    if (address) {
      address->also.emplace_back(url->host, url->port);
    } else {
      address = {id, url->host, url->port, {}};
    }
  }
  return address;
}

std::optional<peer::PeerAddress> address_in(raft::NodeId id, const raft::Members& members) {
  const raft::About* about = raft::about(members, id);
  command::PublishMember said;
  if (about == nullptr || !said.ParseFromString(about->text)) return std::nullopt;
  return address_at(id, said.peer_urls());
}

peer::PeerAddress address_of(raft::NodeId id, const std::vector<raft::Configuration>& configurations,
                             const std::vector<BootstrapMember>& initial) {
  for (auto at = configurations.rbegin(); at != configurations.rend(); ++at) {
    if (auto address = address_in(id, at->members)) return *std::move(address);
  }
  for (const BootstrapMember& member : initial) {
    if (member.id != id.v) continue;
    if (auto address = address_at(id, member.peer_urls)) return *std::move(address);
  }
  return {id, "", 0, {}};
}

}  // namespace

std::string about_text(const mvcc::MemberInfo& member) {
  command::PublishMember said;
  said.set_id(member.id);
  said.set_name(member.name);
  for (const std::string& url : member.peer_urls) said.add_peer_urls(url);
  return said.SerializeAsString();
}

Reach reach_of(raft::NodeId self, const std::vector<raft::Configuration>& configurations,
               const std::vector<BootstrapMember>& initial) {
  CHECK(!configurations.empty());
  Reach reach;
  reach.standing.newest = configurations.back().at;
  reach.standing.self = address_of(self, configurations, initial);
  std::vector<raft::NodeId> seen;
  for (auto at = configurations.rbegin(); at != configurations.rend(); ++at) {
    for (const raft::NodeId id : raft::all_members(at->members)) {
      if (id == self) continue;
      if (raft::is_member(at->members, self)) reach.standing.named_at.try_emplace(id, at->at);
      if (std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
      seen.push_back(id);
      reach.peers.push_back(address_of(id, configurations, initial));
    }
  }
  return reach;
}

}  // namespace cairn::server
