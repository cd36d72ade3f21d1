// Reload: what SIGHUP asks for. Settings are gathered anew; of those that differ some are taken while the
// member runs, and the others are named, as they wait for its next start. Pure.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace cairn::server {

struct SettingChanges {
  std::vector<std::string> taken, waiting;  // names of flags
  bool operator==(const SettingChanges&) const = default;
};
SettingChanges changes_between(const std::vector<Setting>& before, const std::vector<Setting>& now);

}  // namespace cairn::server
