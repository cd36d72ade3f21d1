// Whoever brings the start line of an etcd hears what becomes of each flag.
#include "server/etcd_flags.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "server/config.h"
#include "server/flags.h"

namespace cairn::server {
namespace {

std::vector<std::string> notes_of(const std::vector<std::string>& args, const Environment& environment = {}) {
  const auto config = parse(args, environment);
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config ? config->notes : std::vector<std::string>{};
}

// As etcd --help of 3.4, 3.5 and 3.6 lists them.
constexpr char kNamesOfEtcd[] =
    "advertise-client-urls auth-token auth-token-ttl auto-compaction-mode auto-compaction-retention "
    "auto-tls backend-batch-interval backend-batch-limit backend-bbolt-freelist-type bcrypt-cost "
    "bootstrap-defrag-threshold-megabytes cert-file cipher-suites client-cert-allowed-hostname "
    "client-cert-auth client-cert-file client-crl-file client-key-file compact-hash-check-time "
    "compaction-batch-limit compaction-sleep-interval config-file corrupt-check-time cors data-dir "
    "debug discovery discovery-cacert discovery-cert discovery-dial-timeout discovery-endpoints "
    "discovery-fallback discovery-insecure-skip-tls-verify discovery-insecure-transport "
    "discovery-keepalive-time discovery-keepalive-timeout discovery-key discovery-password "
    "discovery-proxy discovery-request-timeout discovery-srv discovery-srv-name discovery-token "
    "discovery-user distributed-tracing-address distributed-tracing-instance-id "
    "distributed-tracing-sampling-rate distributed-tracing-service-name downgrade-check-time "
    "election-timeout enable-distributed-tracing enable-grpc-gateway enable-log-rotation enable-pprof "
    "enable-v2 experimental-backend-bbolt-freelist-type "
    "experimental-bootstrap-defrag-threshold-megabytes experimental-compact-hash-check-enabled "
    "experimental-compact-hash-check-time experimental-compaction-batch-limit "
    "experimental-compaction-sleep-interval experimental-corrupt-check-time "
    "experimental-distributed-tracing-address experimental-distributed-tracing-instance-id "
    "experimental-distributed-tracing-sampling-rate experimental-distributed-tracing-service-name "
    "experimental-downgrade-check-time experimental-enable-distributed-tracing "
    "experimental-enable-lease-checkpoint experimental-enable-lease-checkpoint-persist "
    "experimental-enable-v2v3 experimental-initial-corrupt-check experimental-max-learners "
    "experimental-memory-mlock experimental-peer-skip-client-san-verification "
    "experimental-set-member-localaddr experimental-snapshot-catchup-entries "
    "experimental-stop-grpc-service-on-defrag experimental-txn-mode-write-with-shared-buffer "
    "experimental-wait-cluster-ready-timeout experimental-warning-apply-duration "
    "experimental-warning-unary-request-duration experimental-watch-progress-notify-interval "
    "feature-gates force-new-cluster grpc-keepalive-interval grpc-keepalive-min-time "
    "grpc-keepalive-timeout heartbeat-interval host-whitelist initial-advertise-peer-urls "
    "initial-cluster initial-cluster-state initial-cluster-token initial-election-tick-advance key-file "
    "listen-client-http-urls listen-client-urls listen-metrics-urls listen-peer-urls log-format "
    "log-level log-outputs log-package-levels log-rotation-config-json logger max-concurrent-streams "
    "max-learners max-request-bytes max-snapshots max-txn-ops max-wals memory-mlock metrics name "
    "peer-auto-tls peer-cert-allowed-cn peer-cert-allowed-hostname peer-cert-file peer-client-cert-auth "
    "peer-client-cert-file peer-client-key-file peer-crl-file peer-key-file "
    "peer-skip-client-san-verification peer-trusted-ca-file pre-vote proxy proxy-dial-timeout "
    "proxy-failure-wait proxy-read-timeout proxy-refresh-interval proxy-write-timeout "
    "quota-backend-bytes self-signed-cert-validity set-member-localaddr snapshot-catchup-entries "
    "snapshot-count socket-reuse-address socket-reuse-port strict-reconfig-check tls-max-version "
    "tls-min-version trusted-ca-file unsafe-no-fsync v2-deprecation wait-cluster-ready-timeout wal-dir "
    "warning-apply-duration warning-unary-request-duration watch-progress-notify-interval";

TEST(EtcdFlags, NoneOfEtcdIsUnknown) {
  std::istringstream names(kNamesOfEtcd);
  for (std::string name; names >> name;) {
    const bool ours = std::any_of(flag_table().begin(), flag_table().end(),
                                  [&](const FlagSpec& flag) { return flag.name == name; });
    EXPECT_TRUE(ours || find_etcd_flag(name) != nullptr) << name;
  }
}

TEST(EtcdFlags, LevelsAndFormatsOfItsLogAreUnderstood) {
  for (const char* const level : {"dpanic", "panic", "fatal"}) {
    const auto config = parse({"--log-level", level}, {});
    ASSERT_TRUE(config) << level;
    EXPECT_EQ(config->log_level, LogLevel::error);
  }
  EXPECT_EQ(parse({"--log-format", "console"}, {})->log_format, LogFormat::text);
}

TEST(EtcdFlags, AreNoneOfOurs) {
  std::set<std::string> names;
  for (const EtcdFlag& flag : etcd_flags()) EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
  for (const FlagSpec& flag : flag_table()) EXPECT_EQ(names.count(flag.name), 0u) << flag.name;
}

TEST(EtcdFlags, EachIsSaidToHaveNoEffectOrIsRefused) {
  for (const EtcdFlag& flag : etcd_flags()) {
    if (flag.stands_for != nullptr) continue;  // it has its effect
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
                        "--max-txn-ops=128", "--client-cert-auth=false", "--strict-reconfig-check=true"})
                  .empty());
}

TEST(EtcdFlags, StandInTheEnvironmentToo) {
  const auto notes = notes_of({}, {{"ETCD_SNAPSHOT_COUNT", "10000"}, {"ETCD_ENABLE_V2", "true"}});
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_TRUE(notes[0].starts_with("--snapshot-count (from ETCD_SNAPSHOT_COUNT) of etcd has no effect"))
      << notes[0];
  const auto refused = parse({}, {{"ETCD_FORCE_NEW_CLUSTER", "true"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("ETCD_FORCE_NEW_CLUSTER"), std::string::npos);
  EXPECT_NE(refused.error().message.find("snapshot save FILE --data-dir DIR"), std::string::npos);
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
