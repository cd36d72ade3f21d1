// MemberInfo: what the cluster knows of a member, by its id: how it is called and reached.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cairn::mvcc {

struct MemberInfo {
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::string> peer_urls, client_urls;
  bool operator==(const MemberInfo&) const = default;
};

using MemberMap = std::map<std::uint64_t, MemberInfo>;

}  // namespace cairn::mvcc
