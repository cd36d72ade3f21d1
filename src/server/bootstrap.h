// Bootstrap: the identity of a new cluster, computed alike by each of its members from the same start line,
// so that they agree without talking, and a restart with the same flags finds what it left. Member id:
// XXH3-64 of its sorted peer URLs and the token. Cluster id: XXH3-64 of the sorted member ids and the token.
// Neither is ever 0, which means nobody.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mvcc/member_info.h"
#include "raft/types.h"
#include "server/config.h"

namespace cairn::server {

struct BootstrapMember {
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::string> peer_urls;  // sorted
  bool operator==(const BootstrapMember&) const = default;
};

struct Bootstrap {
  std::uint64_t cluster_id = 0;
  std::uint64_t self = 0;
  std::vector<BootstrapMember> members;  // sorted by id
  // It joins a cluster that there is: `members` are those that it was told of, and decide nothing. Its first
  // configuration comes from them.
  bool joins = false;
  bool operator==(const Bootstrap&) const = default;
};

std::uint64_t member_id(std::vector<std::string> peer_urls, std::string_view token);
std::uint64_t cluster_id(std::vector<std::uint64_t> member_ids, std::string_view token);

// What the flags say. The order in which --initial-cluster lists members does not matter.
// With --initial-cluster-state existing, members and cluster_id describe the listed members and not the
// cluster's history: only `self` and the peer URLs to ask are to be taken from it.
Result<Bootstrap> bootstrap_from(const Config& config);

// Opaque to whoever stores it. Decoding trusts nothing: data_loss names what is wrong.
std::string encode_bootstrap(const Bootstrap& bootstrap);
Result<Bootstrap> decode_bootstrap(std::string_view bytes);

// All of them voters, with what is known of each; nobody for who joins.
raft::Members raft_members(const Bootstrap& bootstrap);
// Client URLs are not part of the identity: each member publishes its own once it runs.
std::vector<mvcc::MemberInfo> member_infos(const Bootstrap& bootstrap);

}  // namespace cairn::server
