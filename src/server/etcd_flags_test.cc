// Whoever brings the start line of an etcd hears what becomes of each flag.
#include "server/etcd_flags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "server/config.h"
#include "server/flags.h"

namespace cairn::server {
namespace {

std::vector<std::string> notes_of(const std::vector<std::string>& args, const Environment& environment = {}) {
  const auto config = parse(args, environment);
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config ? config->notes : std::vector<std::string>{};
}

TEST(EtcdFlags, AreNoneOfOurs) {
  std::set<std::string> names;
  for (const EtcdFlag& flag : etcd_flags()) EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
  for (const FlagSpec& flag : flag_table()) EXPECT_EQ(names.count(flag.name), 0u) << flag.name;
}

TEST(EtcdFlags, EachIsSaidToHaveNoEffectOrIsRefused) {
  for (const EtcdFlag& flag : etcd_flags()) {
    const std::string name = std::string("--") + flag.name;
    // A toggle for which both are right is never spoken of.
    const bool either = flag.toggle && std::string_view(flag.agrees) == " true false ";
    const std::string value =
        flag.toggle ? std::string_view(flag.agrees) == " true " ? "false" : "true" : "77";
    const auto config = parse({name + "=" + value}, {});
    EXPECT_EQ(config.has_value(), !flag.refused) << name;
    if (!config) {
      EXPECT_NE(config.error().message.find(name + " of etcd cannot be had here: "), std::string::npos)
          << config.error().message;
    } else if (!either) {
      ASSERT_EQ(config->notes.size(), 1u) << name;
      EXPECT_TRUE(config->notes[0].starts_with(name + " of etcd has no effect here: ")) << config->notes[0];
    }
  }
}

TEST(EtcdFlags, WhatIsSoAnywayNeedsNoWords) {
  EXPECT_TRUE(notes_of({"--logger", "zap", "--log-outputs=stderr", "--pre-vote", "--enable-v2=false",
                        "--auto-compaction-retention", "0", "--max-txn-ops=128", "--client-cert-auth=false",
                        "--strict-reconfig-check=true", "--quota-backend-bytes=0"})
                  .empty());
}

TEST(EtcdFlags, StandInTheEnvironmentToo) {
  const auto notes = notes_of({}, {{"ETCD_QUOTA_BACKEND_BYTES", "8589934592"}, {"ETCD_ENABLE_V2", "true"}});
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_TRUE(
      notes[0].starts_with("--quota-backend-bytes (from ETCD_QUOTA_BACKEND_BYTES) of etcd has no effect"))
      << notes[0];
  const auto refused = parse({}, {{"ETCD_CERT_FILE", "/etc/cert.pem"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("ETCD_CERT_FILE"), std::string::npos);
  EXPECT_NE(refused.error().message.find("in the clear"), std::string::npos);
}

TEST(EtcdFlags, AVariableThatIsNoneIsNamed) {
  const auto notes = notes_of({}, {{"ETCD_INITAL_CLUSTER", "n1=http://a:1"}, {"HOME", "/root"}});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0],
            "ETCD_INITAL_CLUSTER of the environment is no setting, and has no effect; did you mean "
            "ETCD_INITIAL_CLUSTER?");
}

TEST(EtcdFlags, ASpaceAfterACommaIsFine) {
  const auto config =
      parse({"--name", "n1", "--initial-cluster", "n1=http://a:1, n2=http://b:2 ,n3=http://c:3"}, {});
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->initial_cluster.size(), 3u);
  EXPECT_EQ(config->initial_cluster[1].name, "n2");
  EXPECT_EQ(config->initial_cluster[1].peer_urls[0].text, "http://b:2");
}

}  // namespace
}  // namespace cairn::server
