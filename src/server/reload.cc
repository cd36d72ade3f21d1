#include "server/reload.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/check.h"

namespace cairn::server {
namespace {

constexpr std::string_view kTaken[] = {"log-level", "log-outputs", "quota-backend-bytes",
                                       "auto-compaction-mode", "auto-compaction-retention"};

}  // namespace

SettingChanges changes_between(const std::vector<Setting>& before, const std::vector<Setting>& now) {
  CHECK(before.size() == now.size());  // rows of the same table
  SettingChanges changes;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].value == before[i].value) continue;
    const bool is_taken = std::find(std::begin(kTaken), std::end(kTaken), now[i].name) != std::end(kTaken);
    (is_taken ? changes.taken : changes.waiting).push_back(now[i].name);
  }
  return changes;
}

}  // namespace cairn::server
