// Config: everything a member is told at its start: flags, environment, a file, defaults, in this order of
// precedence. Flag names and meanings are etcd's, so that an etcd start line works. A single member needs
// none of them. Errors: invalid_argument with what is wrong, where it came from and what to do; nothing here
// exits or prints.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "observe/log.h"
#include "server/bcrypt.h"
#include "server/urls.h"
#include "tls/context.h"

namespace cairn::server {

struct ConfiguredMember {  // of --initial-cluster
  std::string name;
  std::vector<Url> peer_urls;
};

// Where a setting's value comes from, for `config show` and for error messages.
struct Setting {
  std::string name;    // without dashes
  std::string value;   // as given, or the default
  std::string origin;  // "--name", "CAIRN_NAME", "cairn.toml" or "default"
};

// How a port is spoken to, by whom.
struct PortTls {
  bool on = false;         // at those of its URLs that are https
  bool automatic = false;  // with a certificate made here
  tls::Options shown{};    // to who connects
  tls::Options dialing{};  // of the peer port: to who is called
};

struct Config {
  std::string name = "default";
  std::string data_dir;
  std::vector<Url> listen_client_urls, advertise_client_urls;
  std::vector<Url> listen_peer_urls, initial_advertise_peer_urls;
  std::vector<ConfiguredMember> initial_cluster;  // sorted by name
  bool existing_cluster = false;                  // --initial-cluster-state existing
  std::string initial_cluster_token;
  bool form_with_majority = false;
  // Before a cluster is founded. Others try to reach a member again once a second: peer::Config::retry_max.
  std::chrono::milliseconds founding_wait{2000};
  // Why no cluster can be founded with these flags; empty: one can. Only a first start minds, and says so: a
  // later one goes by what the data directory knows.
  std::string bootstrap_problem;
  std::chrono::milliseconds heartbeat_interval{100};
  std::chrono::milliseconds election_timeout{1000};
  std::uint64_t snapshot_log_bytes = 0;
  std::uint64_t quota_bytes = 0;                   // 0: anything
  std::chrono::milliseconds compaction_period{0};  // of history that is kept; 0: not so
  std::int64_t compaction_revisions = 0;           // likewise
  std::chrono::milliseconds watch_progress_interval{0};
  bool gateway = true;  // etcd's, for JSON
  std::uint64_t max_request_bytes = 0;
  std::vector<std::string> cors_origins;
  std::chrono::seconds token_idle_max{300};  // of a login
  int bcrypt_cost = kBcryptCostDefault;
  PortTls client_tls, peer_tls;
  std::size_t front_end_threads = 0;  // 0: the loop serves clients itself
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::automatic;
  std::vector<std::string> log_outputs;  // as write_log_to takes them

  bool show_help = false, show_version = false;  // asked for; then nothing else has been looked at
  std::vector<Setting> settings;                 // in the order of the help text
  std::vector<std::string> notes;                // to be said at the start: what was given and has no effect
};

// Of what may be said. Where etcd has a limit, it is etcd's.
struct ConfigLimits {
  std::chrono::milliseconds election_timeout_max{50000};
  std::chrono::milliseconds interval_max{3600000};
  std::size_t name_bytes_max = 255;
  std::size_t members_max = 128;  // of --initial-cluster
  std::size_t urls_max = 64;      // of one flag
  std::size_t names_max = 64;     // of hosts, certificates or cipher suites, of one flag
  std::size_t log_outputs_max = 8;
  std::size_t front_end_threads_max = 64;
  std::size_t front_end_threads_auto_max = 4;  // when nobody says how many
  std::uint64_t snapshot_log_bytes_min = std::uint64_t{64} << 10;
  std::uint64_t snapshot_log_bytes_max = std::uint64_t{1} << 40;
  std::chrono::milliseconds compaction_period_max = std::chrono::hours(24 * 366 * 10);
  // More often than the first, a watch would hear of nothing else.
  std::chrono::milliseconds watch_progress_interval_min{100};
  std::chrono::milliseconds watch_progress_interval_max = std::chrono::hours(24);
  std::uint64_t quota_bytes_default = std::uint64_t{2} << 30;
  std::uint64_t quota_bytes_advised = std::uint64_t{8} << 30;  // more is said at the start
  std::uint64_t quota_bytes_max = std::uint64_t{1} << 50;
  std::int64_t token_seconds_max = 86'400 * 365;
  std::uint64_t request_bytes_min = 1024;
  std::uint64_t request_bytes_max = std::uint64_t{32} << 20;
  std::size_t config_file_bytes_max = std::size_t{1} << 20;
};

using Environment = std::map<std::string, std::string>;

// `args` without the program's name.
Result<Config> parse(const std::vector<std::string>& args, const Environment& environment,
                     const ConfigLimits& limits = {});
Environment process_environment();
// Front-end threads when nobody says how many. With two cores the loop and the log have one each, and
// crossing between threads would cost more than it brings.
std::size_t front_end_threads_for(std::size_t cores, const ConfigLimits& limits = {});
std::string help_text();

}  // namespace cairn::server
