#include "server/reload.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

std::vector<Setting> settings_of(const std::vector<std::string>& args) {
  const auto config = parse(args, {});
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config ? config->settings : std::vector<Setting>();
}

TEST(Reload, TellsWhatIsTakenFromWhatWaitsForAStart) {
  const std::vector<Setting> before = settings_of({"--log-level=warn"});
  EXPECT_EQ(changes_between(before, before), SettingChanges{});
  EXPECT_EQ(changes_between(before, settings_of({"--log-level=debug", "--quota-backend-bytes=1GiB",
                                                 "--auto-compaction-retention=1h", "--name=n2",
                                                 "--log-outputs=stdout", "--max-request-bytes=1MiB"})),
            (SettingChanges{{"quota-backend-bytes", "auto-compaction-retention", "log-level", "log-outputs"},
                            {"name", "max-request-bytes"}}));
}

TEST(Reload, AnotherOriginOfTheSameValueIsNoChange) {
  EXPECT_EQ(changes_between(settings_of({}), settings_of({"--log-level=info"})), SettingChanges{});
}

}  // namespace
}  // namespace cairn::server
