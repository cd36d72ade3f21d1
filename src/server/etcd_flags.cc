#include "server/etcd_flags.h"

#include <algorithm>
#include <iterator>

namespace cairn::server {
namespace {

constexpr char kSelfSigned[] =
    "a certificate made here is good for a year, and made anew at the start after it";
constexpr char kOwnCalls[] =
    "the JSON gateway does not call the client port, so it shows nobody a certificate";
constexpr char kPeerNames[] =
    "whoever calls as a member is known by its certificate, and not by the address that it calls from";
constexpr char kDiscovery[] = "members are not discovered: list them in --initial-cluster";
constexpr char kForce[] =
    "a cluster is not made anew in place: 'cairn snapshot save FILE --data-dir DIR' makes a backup of what a "
    "stopped "
    "member holds, and 'cairn snapshot restore' a cluster of that";
constexpr char kFsync[] = "what is acknowledged is synced, always";
constexpr char kWalDir[] = "the log lies in the data directory: mount another disk there";
constexpr char kMetrics[] = "metrics are served under /metrics of the client URLs";
constexpr char kHttpUrls[] = "gRPC and HTTP are served at the same URLs: --listen-client-urls";
constexpr char kHosts[] =
    "requests are not told apart by the host they name: a page of another origin may not write unless --cors "
    "names it";
constexpr char kHistory[] = "compaction takes small steps between other work, whose size is fixed";
constexpr char kSnapshots[] =
    "snapshots are taken by the bytes of log since the last one: --snapshot-log-bytes";
constexpr char kBackend[] = "there is no database file that it could be about";
constexpr char kMlock[] = "memory is not locked";
constexpr char kGrpc[] = "the bounds of connections, calls and pings are fixed";
constexpr char kElections[] =
    "pre-vote and strict checks of membership changes are always on, and nothing else of it can be set";
constexpr char kVersion2[] = "the v2 API and its proxy are not served";
constexpr char kProfile[] = "there is no profiling endpoint: use perf";
constexpr char kTrace[] = "nothing is traced yet";
constexpr char kLogs[] = "the log is told what to be by --log-level, --log-format and --log-outputs alone";
constexpr char kRotation[] =
    "a tool that moves log files away, as logrotate, has them opened anew by SIGHUP afterwards";
constexpr char kCorrupt[] = "members compare their states all the time";
constexpr char kLease[] = "checkpoints of leases are always made, and kept";
constexpr char kLocalAddress[] = "the system chooses from which address a member calls the others";
constexpr char kGates[] = "there are no features that could be switched";

constexpr EtcdFlag kFlags[] = {
    {"client-cert-file", false, false, "", kOwnCalls},
    {"client-key-file", false, false, "", kOwnCalls},
    {"self-signed-cert-validity", false, false, " 1 ", kSelfSigned},
    {"peer-skip-client-san-verification", true, false, " true ", kPeerNames},
    {"experimental-peer-skip-client-san-verification", true, false, " true ", kPeerNames},
    {"discovery", false, true, "", kDiscovery},
    {"discovery-proxy", false, true, "", kDiscovery},
    {"discovery-srv", false, true, "", kDiscovery},
    {"discovery-srv-name", false, true, "", kDiscovery},
    {"discovery-endpoints", false, true, "", kDiscovery},
    {"discovery-token", false, true, "", kDiscovery},
    {"discovery-dial-timeout", false, false, "", kDiscovery},
    {"discovery-request-timeout", false, false, "", kDiscovery},
    {"discovery-keepalive-time", false, false, "", kDiscovery},
    {"discovery-keepalive-timeout", false, false, "", kDiscovery},
    {"discovery-cert", false, false, "", kDiscovery},
    {"discovery-key", false, false, "", kDiscovery},
    {"discovery-cacert", false, false, "", kDiscovery},
    {"discovery-user", false, false, "", kDiscovery},
    {"discovery-password", false, false, "", kDiscovery},
    {"discovery-fallback", false, false, "", kDiscovery},
    {"discovery-insecure-transport", true, false, " true false ", kDiscovery},
    {"discovery-insecure-skip-tls-verify", true, false, " true false ", kDiscovery},
    {"force-new-cluster", true, true, " false ", kForce},
    {"unsafe-no-fsync", true, true, " false ", kFsync},
    {"wal-dir", false, true, "", kWalDir},
    {"listen-metrics-urls", false, false, "", kMetrics},
    {"listen-client-http-urls", false, true, "", kHttpUrls},
    {"metrics", false, false, " basic extensive ", kMetrics},
    {"host-whitelist", false, true, " * ", kHosts},
    {"compaction-batch-limit", false, false, "", kHistory},
    {"compaction-sleep-interval", false, false, "", kHistory},
    {"experimental-compaction-batch-limit", false, false, "", kHistory},
    {"experimental-compaction-sleep-interval", false, false, "", kHistory},
    {"snapshot-count", false, false, "", kSnapshots},
    {"max-snapshots", false, false, "", kSnapshots},
    {"max-wals", false, false, "", kSnapshots},
    {"snapshot-catchup-entries", false, false, "", kSnapshots},
    {"experimental-snapshot-catchup-entries", false, false, "", kSnapshots},
    {"backend-bbolt-freelist-type", false, false, "", kBackend},
    {"experimental-backend-bbolt-freelist-type", false, false, "", kBackend},
    {"backend-batch-interval", false, false, "", kBackend},
    {"backend-batch-limit", false, false, "", kBackend},
    {"bootstrap-defrag-threshold-megabytes", false, false, "", kBackend},
    {"experimental-bootstrap-defrag-threshold-megabytes", false, false, "", kBackend},
    {"experimental-txn-mode-write-with-shared-buffer", true, false, " true false ", kBackend},
    {"experimental-stop-grpc-service-on-defrag", true, false, " true false ", kBackend},
    {"memory-mlock", true, false, " false ", kMlock},
    {"experimental-memory-mlock", true, false, " false ", kMlock},
    {"max-txn-ops", false, false, " 128 ", kGrpc},
    {"max-concurrent-streams", false, false, "", kGrpc},
    {"grpc-keepalive-min-time", false, false, "", kGrpc},
    {"grpc-keepalive-interval", false, false, "", kGrpc},
    {"grpc-keepalive-timeout", false, false, "", kGrpc},
    {"socket-reuse-port", true, false, " false ", kGrpc},
    {"socket-reuse-address", true, false, " false ", kGrpc},
    {"initial-election-tick-advance", true, false, " true false ", kElections},
    {"pre-vote", true, false, " true ", kElections},
    {"strict-reconfig-check", true, false, " true ", kElections},
    {"max-learners", false, false, "", kElections},
    {"experimental-max-learners", false, false, "", kElections},
    {"experimental-wait-cluster-ready-timeout", false, false, "", kElections},
    {"enable-v2", true, false, " false ", kVersion2},
    {"v2-deprecation", false, false, " not-yet write-only write-only-drop-data gone ", kVersion2},
    {"experimental-enable-v2v3", false, false, "", kVersion2},
    {"proxy", false, true, " off ", kVersion2},
    {"proxy-failure-wait", false, false, "", kVersion2},
    {"proxy-refresh-interval", false, false, "", kVersion2},
    {"proxy-dial-timeout", false, false, "", kVersion2},
    {"proxy-write-timeout", false, false, "", kVersion2},
    {"proxy-read-timeout", false, false, "", kVersion2},
    {"enable-pprof", true, false, " false ", kProfile},
    {"experimental-enable-distributed-tracing", true, false, " false ", kTrace},
    {"enable-distributed-tracing", true, false, " false ", kTrace},
    {"experimental-distributed-tracing-address", false, false, "", kTrace},
    {"distributed-tracing-address", false, false, "", kTrace},
    {"experimental-distributed-tracing-service-name", false, false, "", kTrace},
    {"distributed-tracing-service-name", false, false, "", kTrace},
    {"experimental-distributed-tracing-instance-id", false, false, "", kTrace},
    {"distributed-tracing-instance-id", false, false, "", kTrace},
    {"experimental-distributed-tracing-sampling-rate", false, false, "", kTrace},
    {"distributed-tracing-sampling-rate", false, false, "", kTrace},
    {"logger", false, false, " zap ", kLogs},
    {"enable-log-rotation", true, false, " false ", kRotation},
    {"log-rotation-config-json", false, false, "", kRotation},
    {"debug", true, false, " false ", kLogs},
    {"log-package-levels", false, false, "", kLogs},
    {"experimental-initial-corrupt-check", true, false, " true ", kCorrupt},
    {"experimental-compact-hash-check-enabled", true, false, " true ", kCorrupt},
    {"experimental-corrupt-check-time", false, false, "", kCorrupt},
    {"experimental-compact-hash-check-time", false, false, "", kCorrupt},
    {"corrupt-check-time", false, false, "", kCorrupt},
    {"compact-hash-check-time", false, false, "", kCorrupt},
    {"experimental-enable-lease-checkpoint", true, false, " true ", kLease},
    {"experimental-enable-lease-checkpoint-persist", true, false, " true ", kLease},
    {"experimental-watch-progress-notify-interval", false, false, "", "", "watch-progress-notify-interval"},
    {"warning-apply-duration", false, false, "", kLogs},
    {"experimental-warning-apply-duration", false, false, "", kLogs},
    {"warning-unary-request-duration", false, false, "", kLogs},
    {"experimental-warning-unary-request-duration", false, false, "", kLogs},
    {"feature-gates", false, false, "", kGates},
    {"downgrade-check-time", false, false, "", kGates},
    {"experimental-downgrade-check-time", false, false, "", kGates},
    {"wait-cluster-ready-timeout", false, false, "", kElections},
    {"set-member-localaddr", true, false, " false ", kLocalAddress},
    {"experimental-set-member-localaddr", true, false, " false ", kLocalAddress},
};

}  // namespace

std::span<const EtcdFlag> etcd_flags() { return kFlags; }

const EtcdFlag* find_etcd_flag(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kFlags), std::end(kFlags),
                                         [name](const EtcdFlag& flag) { return flag.name == name; });
  return found == std::end(kFlags) ? nullptr : found;
}

Result<std::string> remark_on(const EtcdFlag& flag, std::string_view value, const std::string& origin) {
  if (value.empty() || flag.stands_for != nullptr) return "";
  const std::string_view agrees = flag.agrees;
  if (agrees.find(" " + std::string(value) + " ") != std::string_view::npos) return "";
  if (flag.refused) return fail(Code::invalid_argument, origin + " of etcd cannot be had here: " + flag.why);
  return origin + " of etcd has no effect here: " + flag.why;
}

}  // namespace cairn::server
