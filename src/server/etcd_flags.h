// The flags of etcd 3.4 to 3.6 that this server has not: whoever brings an etcd's start line, unit or
// environment here hears of each what becomes of it. None vanishes unsaid, and none is accepted that would
// leave a door open which its owner believes shut.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::server {

struct EtcdFlag {
  const char* name;    // without dashes
  bool toggle;         // true and false; alone it is true
  bool refused;        // else it has no effect, which is said
  const char* agrees;  // values, between spaces, that ask for what is so anyway: nothing is said
  const char* why;
  const char* stands_for = nullptr;  // an older name of this flag of ours
};
std::span<const EtcdFlag> etcd_flags();
const EtcdFlag* find_etcd_flag(std::string_view name);  // null: none

// What to say of it at the start, or nothing. `origin` is where it stands: "--logger", "ETCD_LOGGER", a file.
// Error: it is refused.
Result<std::string> remark_on(const EtcdFlag& flag, std::string_view value, const std::string& origin);

}  // namespace cairn::server
