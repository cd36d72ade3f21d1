#include "server/config.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "server/flags.h"
#include "server/tls_flags.h"

namespace cairn::server {
namespace {

tl::unexpected<Error> bad(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

Result<std::vector<Url>> read_urls(const Setting& setting, const ConfigLimits& limits) {
  auto urls = parse_urls(setting.value, limits.urls_max);
  if (!urls) return bad_value(setting, urls.error().message);
  return urls;
}

Result<std::chrono::milliseconds> read_ms(const Setting& setting, const ConfigLimits& limits,
                                          std::int64_t lowest = 1) {
  std::int64_t ms = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [stopped, error] = std::from_chars(setting.value.data(), end, ms);
  if (error != std::errc() || stopped != end)
    return bad_value(setting, "must be a whole number of milliseconds, like 100");
  if (ms < lowest)
    return bad("--" + setting.name + " must be >" + (lowest == 0 ? "=" : "") + "0 (set to " +
               std::to_string(ms) + "ms)");
  const std::int64_t ms_max = limits.interval_max.count();
  if (ms > ms_max) return bad_value(setting, "must not exceed " + std::to_string(ms_max));
  return std::chrono::milliseconds(ms);
}

Result<std::uint64_t> read_bytes(const Setting& setting, std::uint64_t lowest, std::uint64_t highest) {
  struct Unit {
    const char* name;
    std::uint64_t bytes;
  };
  constexpr Unit kUnits[] = {{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  double number = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [stopped, error] = std::from_chars(setting.value.data(), end, number);
  const std::string_view suffix(stopped, static_cast<std::size_t>(end - stopped));
  const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                        [&](const Unit& known) { return known.name == suffix; });
  if (error != std::errc() || unit == std::end(kUnits) || !(number >= 0)) {
    return bad_value(setting, "must be a size in bytes, or with a unit like 64MiB");
  }
  const double bytes = number * static_cast<double>(unit->bytes);
  if (bytes < static_cast<double>(lowest) || bytes > static_cast<double>(highest)) {
    return bad_value(
        setting, "must be between " + std::to_string(lowest) + " and " + std::to_string(highest) + " bytes");
  }
  return static_cast<std::uint64_t>(bytes);
}

// As etcd: 0 is the default, and a negative number switches it off.
Result<std::uint64_t> read_quota(const Setting& setting, const ConfigLimits& limits) {
  if (setting.value.starts_with('-')) {
    std::int64_t number = 0;
    const char* const end = setting.value.data() + setting.value.size();
    const auto [stopped, error] = std::from_chars(setting.value.data(), end, number);
    if (error != std::errc() || stopped != end) return bad_value(setting, "must be a size like 2GiB, or -1");
    return 0;
  }
  const std::uint64_t bytes = TRY(read_bytes(setting, 0, limits.quota_bytes_max));
  return bytes == 0 ? limits.quota_bytes_default : bytes;
}

void advise_on_quota(const Setting& setting, std::uint64_t bytes, const ConfigLimits& limits,
                     std::vector<std::string>* notes) {
  if (bytes <= limits.quota_bytes_advised) return;
  notes->push_back(flag_of(setting) + " is " + std::to_string(bytes) + ", more than the " +
                   std::to_string(limits.quota_bytes_advised) +
                   " that etcd advises: a member holds all of it in memory, and reads it when it starts");
}

// "1h30m", "90s", "500ms", as Go writes durations; a number alone counts hours.
std::optional<std::chrono::milliseconds> duration_of(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ms;
  };
  constexpr Unit kUnits[] = {{"ns", 1e-6}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
  double ms = 0;
  bool is_bare = true;
  while (!text.empty()) {
    double number = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !(number >= 0)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
    if (text.empty() && is_bare) return std::chrono::milliseconds(static_cast<std::int64_t>(number * 3600e3));
    const auto* const unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                          [&](const Unit& known) { return text.starts_with(known.name); });
    if (unit == std::end(kUnits)) return std::nullopt;
    ms += number * unit->ms;
    if (!(ms < 1e15)) return std::nullopt;
    text.remove_prefix(unit->name.size());
    is_bare = false;
  }
  if (is_bare) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

Status read_compaction(const Given& from, const ConfigLimits& limits, Config* config) {
  const Setting& mode = from["auto-compaction-mode"];
  const Setting& retention = from["auto-compaction-retention"];
  if (mode.value == "revision") {
    const char* const end = retention.value.data() + retention.value.size();
    const auto [stopped, error] = std::from_chars(retention.value.data(), end, config->compaction_revisions);
    if (error != std::errc() || stopped != end || config->compaction_revisions < 0)
      return bad_value(retention, "must be a number of revisions in this mode, like 1000");
    return {};
  }
  if (mode.value != "periodic") return bad_value(mode, "must be periodic or revision");
  const auto period = duration_of(retention.value);
  if (!period || *period > limits.compaction_period_max)
    return bad_value(retention, "must be a number of hours or a duration like 30m, of ten years at most");
  config->compaction_period = *period;
  return {};
}

Status read_watches_and_gateway(const Given& from, const ConfigLimits& limits, Config* config) {
  const Setting& progress = from["watch-progress-notify-interval"];
  const auto interval = duration_of(progress.value);
  if (!interval || *interval < limits.watch_progress_interval_min ||
      *interval > limits.watch_progress_interval_max)
    return bad_value(progress, "must be a duration like 30s or 10m, from " +
                                   std::to_string(limits.watch_progress_interval_min.count()) + "ms to " +
                                   std::to_string(limits.watch_progress_interval_max.count() / 3'600'000) +
                                   "h");
  config->watch_progress_interval = *interval;
  const Setting& gateway = from["enable-grpc-gateway"];
  if (gateway.value != "true" && gateway.value != "false") return bad_value(gateway, "must be true or false");
  config->gateway = gateway.value == "true";
  return {};
}

Result<std::size_t> read_front_end_threads(const Setting& setting, const ConfigLimits& limits) {
  if (setting.value == "auto") return front_end_threads_for(std::thread::hardware_concurrency(), limits);
  std::size_t threads = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [stopped, error] = std::from_chars(setting.value.data(), end, threads);
  if (error != std::errc() || stopped != end || threads > limits.front_end_threads_max) {
    return bad_value(setting, "must be auto or a number of threads, at most " +
                                  std::to_string(limits.front_end_threads_max));
  }
  return threads;
}

Result<std::string> read_name(const Setting& setting, const ConfigLimits& limits) {
  if (setting.value.empty()) return bad_value(setting, "a member needs a name");
  if (setting.value.size() > limits.name_bytes_max)
    return bad_value(setting, "longer than " + std::to_string(limits.name_bytes_max) + " bytes");
  if (std::any_of(setting.value.begin(), setting.value.end(),
                  [](char c) { return c == ',' || c == '=' || static_cast<unsigned char>(c) <= ' '; })) {
    return bad_value(setting, "must not contain spaces, commas or equals signs, which separate members");
  }
  return setting.value;
}

// "n1=http://a:1,n2=http://b:2"; a name may come more than once, with one URL each time.
Result<std::vector<ConfiguredMember>> read_cluster(const Setting& setting, const ConfigLimits& limits) {
  std::map<std::string, ConfiguredMember> members;
  std::map<std::string, std::string> owner;
  std::string_view left = setting.value;
  while (true) {
    const auto comma = left.find(',');
    std::string_view item = left.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    const auto equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return bad_value(setting,
                       "\"" + std::string(item) + "\" is not NAME=URL; write n1=http://10.0.0.1:2380,n2=...");
    }
    const std::string name(item.substr(0, equals));
    auto url = parse_url(item.substr(equals + 1));
    if (!url) return bad_value(setting, url.error().message);
    const auto [other, fresh] = owner.emplace(url->text, name);
    if (!fresh) {
      return bad_value(setting, "duplicate peer URL " + url->text + " of " + other->second +
                                    (other->second == name ? std::string() : " and " + name));
    }
    members[name].name = name;
    members[name].peer_urls.push_back(*std::move(url));
    if (members.size() > limits.members_max)
      return bad_value(setting, "more than " + std::to_string(limits.members_max) + " members");
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  std::vector<ConfiguredMember> sorted;
  for (auto& [name, member] : members) sorted.push_back(std::move(member));
  return sorted;
}

Status read_client_urls(const Given& from, const ConfigLimits& limits, Config* config) {
  config->listen_client_urls = TRY(read_urls(from["listen-client-urls"], limits));
  for (const Url& url : config->listen_client_urls) TRY(check_listenable(url));
  const Setting& advertised = from["advertise-client-urls"];
  if (given(advertised)) {
    config->advertise_client_urls = TRY(read_urls(advertised, limits));
    return {};
  }
  config->advertise_client_urls = config->listen_client_urls;
  for (const Url& url : config->listen_client_urls) {
    if (!url.wildcard()) continue;
    return bad("--advertise-client-urls is required when --listen-client-urls is set explicitly to " +
               url.text + ": clients cannot connect to that address; say where they reach this member");
  }
  return {};
}

std::string names_of(const std::vector<ConfiguredMember>& members) {
  std::vector<std::string> names;
  for (const ConfiguredMember& member : members) names.push_back(member.name);
  return joined(names);
}

// Members with URLs in one but not the other of the two flags, in etcd's words.
Status check_advertised(const Config& config, const ConfiguredMember& self) {
  const auto advertised = sorted_texts(config.initial_advertise_peer_urls);
  const auto cluster = sorted_texts(self.peer_urls);
  const auto missing = [](const std::vector<std::string>& all, const std::vector<std::string>& in) {
    std::vector<std::string> rest;
    std::set_difference(all.begin(), all.end(), in.begin(), in.end(), std::back_inserter(rest));
    return rest;
  };
  if (const auto rest = missing(cluster, advertised); !rest.empty()) {
    return bad("--initial-cluster has " + self.name + "=" + joined(rest) +
               " but missing from --initial-advertise-peer-urls=" + joined(advertised) +
               ": both must list the same peer URLs of this member");
  }
  if (const auto rest = missing(advertised, cluster); !rest.empty()) {
    return bad("--initial-advertise-peer-urls has " + joined(rest) + " but missing from --initial-cluster=" +
               self.name + "=" + joined(cluster) + ": both must list the same peer URLs of this member");
  }
  return {};
}

Status read_peer_urls(const Given& from, const ConfigLimits& limits, Config* config) {
  config->listen_peer_urls = TRY(read_urls(from["listen-peer-urls"], limits));
  for (const Url& url : config->listen_peer_urls) TRY(check_listenable(url));
  const Setting& advertised = from["initial-advertise-peer-urls"];
  const Setting& cluster = from["initial-cluster"];
  if (given(advertised)) config->initial_advertise_peer_urls = TRY(read_urls(advertised, limits));
  if (given(cluster)) config->initial_cluster = TRY(read_cluster(cluster, limits));
  return {};
}

// Whether a cluster can be founded with what was read.
Status check_initial_cluster(const Given& from, Config* config) {
  const Setting& advertised = from["initial-advertise-peer-urls"];
  const Setting& cluster = from["initial-cluster"];

  if (!given(cluster)) {
    config->initial_cluster = {{config->name, config->initial_advertise_peer_urls}};
    if (config->existing_cluster) {
      return bad(
          "--initial-cluster-state existing needs --initial-cluster: list this member and those it joins, as "
          "printed "
          "by member add");
    }
    if (!given(advertised)) {
      config->initial_advertise_peer_urls = config->listen_peer_urls;
      for (const Url& url : config->listen_peer_urls) {
        if (url.wildcard()) {
          return bad("--initial-advertise-peer-urls is required when --listen-peer-urls is set to " +
                     url.text + ": say where other members reach this one");
        }
      }
    }
    config->initial_cluster = {{config->name, config->initial_advertise_peer_urls}};
    return {};
  }
  const auto self = std::find_if(config->initial_cluster.begin(), config->initial_cluster.end(),
                                 [&](const ConfiguredMember& member) { return member.name == config->name; });
  if (self == config->initial_cluster.end()) {
    return bad("couldn't find local name \"" + config->name +
               "\" in the initial cluster configuration: " + flag_of(cluster) + " has " +
               names_of(config->initial_cluster) + "; set --name to one of them or add this member");
  }
  if (!given(advertised)) {
    config->initial_advertise_peer_urls = self->peer_urls;
    return {};
  }
  return check_advertised(*config, *self);
}

Status read_timing(const Given& from, const ConfigLimits& limits, Config* config) {
  config->heartbeat_interval = TRY(read_ms(from["heartbeat-interval"], limits));
  config->election_timeout = TRY(read_ms(from["election-timeout"], limits));
  config->founding_wait = TRY(read_ms(from["initial-cluster-wait"], limits, 0));
  const std::int64_t heartbeat = config->heartbeat_interval.count(),
                     election = config->election_timeout.count();
  if (5 * heartbeat > election) {
    return bad("--election-timeout[" + std::to_string(election) +
               "ms] should be at least as 5 times as --heartbeat-interval[" + std::to_string(heartbeat) +
               "ms]");
  }
  if (config->election_timeout > limits.election_timeout_max) {
    return bad("--election-timeout[" + std::to_string(election) +
               "ms] is too long, and should be set less than " +
               std::to_string(limits.election_timeout_max.count()) + "ms");
  }
  return {};
}

Result<std::int64_t> read_whole(const Setting& setting, std::int64_t lowest, std::int64_t highest) {
  std::int64_t number = 0;
  const char* const end = setting.value.data() + setting.value.size();
  const auto [stopped, error] = std::from_chars(setting.value.data(), end, number);
  if (error != std::errc() || stopped != end || number < lowest || number > highest)
    return bad_value(
        setting, "must be a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
  return number;
}

Status read_auth(const Given& from, const ConfigLimits& limits, Config* config) {
  if (from["auth-token"].value != "simple")
    return bad_value(from["auth-token"], "must be simple: signed tokens (jwt) are not there yet");
  config->token_idle_max =
      std::chrono::seconds(TRY(read_whole(from["auth-token-ttl"], 1, limits.token_seconds_max)));
  config->bcrypt_cost =
      static_cast<int>(TRY(read_whole(from["bcrypt-cost"], kBcryptCostMin, kBcryptCostMax)));
  return {};
}

Status read_state_and_log(const Given& from, Config* config) {
  const Setting& state = from["initial-cluster-state"];
  if (state.value != "new" && state.value != "existing") return bad_value(state, "must be new or existing");
  config->existing_cluster = state.value == "existing";
  const Setting& majority = from["form-with-majority"];
  if (majority.value != "true" && majority.value != "false")
    return bad_value(majority, "must be true or false");
  config->form_with_majority = majority.value == "true";

  const Setting& level = from["log-level"];
  // etcd's levels above error: nothing here is worse.
  const bool above = level.value == "dpanic" || level.value == "panic" || level.value == "fatal";
  const auto known = above ? LogLevel::error : log_level_from(level.value);
  if (!known) return bad_value(level, "must be debug, info, warn or error");
  config->log_level = *known;

  const Setting& format = from["log-format"];
  if (format.value == "json") {
    config->log_format = LogFormat::json;
  } else if (format.value == "text" || format.value == "console") {
    config->log_format = LogFormat::text;
  } else if (format.value != "auto") {
    return bad_value(format, "must be json, text or auto");
  }
  return {};
}

// A file is named by a path: what has no slash in it may be a word of etcd's, or one that is mistyped.
Result<std::vector<std::string>> read_log_outputs(const Setting& setting, const ConfigLimits& limits) {
  std::vector<std::string> outputs = TRY(read_list(setting, limits.log_outputs_max));
  if (outputs.empty())
    return bad_value(setting, "name where the log goes: stderr, stdout or /path/of/a/file");
  for (const std::string& each : outputs)
    if (each != "default" && each != "stderr" && each != "stdout" && each.find('/') == std::string::npos)
      return bad_value(setting, "'" + each + "' is not stderr or stdout; a file is ./" + each);
  return outputs;
}

// An origin is what a browser writes: scheme, host and port, and nothing behind it.
bool is_origin(std::string_view text) {
  if (text == "*") return true;
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view host = text.substr(scheme + 3);
  return (text.substr(0, scheme) == "http" || text.substr(0, scheme) == "https") && !host.empty() &&
         host.find_first_of("/?#* \t") == std::string_view::npos;
}

Result<std::vector<std::string>> read_origins(const Setting& setting, const ConfigLimits& limits) {
  std::vector<std::string> origins = TRY(read_list(setting, limits.urls_max));
  for (const std::string& origin : origins)
    if (!is_origin(origin))
      return bad_value(setting,
                       "'" + origin + "' is no origin: write http://host:port, or * for pages of any");
  return origins;
}

}  // namespace

Result<Config> parse(const std::vector<std::string>& args, const Environment& environment,
                     const ConfigLimits& limits) {
  Given from = TRY(gather(args, environment, limits));
  Config config;
  config.show_help = from.help;
  config.show_version = from.version;
  if (from.help || from.version) return config;

  config.name = TRY(read_name(from["name"], limits));
  config.data_dir = from["data-dir"].value;
  if (config.data_dir.empty()) {
    if (given(from["data-dir"]))
      return bad_value(from["data-dir"], "name a folder, or leave the flag out for NAME.cairn");
    if (config.name.find('/') != std::string::npos || config.name == "." || config.name == "..") {
      return bad("no folder can be made from --name " + config.name + ": give --data-dir");
    }
    config.data_dir = config.name + ".cairn";
  }
  config.initial_cluster_token = from["initial-cluster-token"].value;
  TRY(read_state_and_log(from, &config));
  TRY(read_timing(from, limits, &config));
  TRY(read_client_urls(from, limits, &config));
  TRY(read_peer_urls(from, limits, &config));
  TRY(read_tls(from, limits, &config));
  if (const Status founding = check_initial_cluster(from, &config); !founding)
    config.bootstrap_problem = founding.error().message;
  else
    config.bootstrap_problem = mixed_schemes(config);
  config.snapshot_log_bytes = TRY(
      read_bytes(from["snapshot-log-bytes"], limits.snapshot_log_bytes_min, limits.snapshot_log_bytes_max));
  config.max_request_bytes =
      TRY(read_bytes(from["max-request-bytes"], limits.request_bytes_min, limits.request_bytes_max));
  TRY(read_compaction(from, limits, &config));
  TRY(read_watches_and_gateway(from, limits, &config));
  TRY(read_auth(from, limits, &config));
  config.quota_bytes = TRY(read_quota(from["quota-backend-bytes"], limits));
  config.front_end_threads = TRY(read_front_end_threads(from["front-end-threads"], limits));
  config.cors_origins = TRY(read_origins(from["cors"], limits));
  config.notes.insert(config.notes.begin(), from.notes.begin(), from.notes.end());
  advise_on_quota(from["quota-backend-bytes"], config.quota_bytes, limits, &config.notes);
  config.log_outputs = TRY(read_log_outputs(from["log-outputs"], limits));
  config.settings = std::move(from.settings);
  return config;
}

std::size_t front_end_threads_for(std::size_t cores, const ConfigLimits& limits) {
  return std::clamp<std::size_t>(cores, 2, 2 + limits.front_end_threads_auto_max) - 2;
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string help_text() {
  std::string text =
      "Runs a member of a Cairn cluster. Without flags: a cluster of one, in default.cairn, on localhost.\n"
      "A flag is --NAME VALUE or --NAME=VALUE; also CAIRN_NAME or ETCD_NAME in the environment, or a\n"
      "key of the file that --config-file names. Flags win over the environment, that over the file.\n\n";
  for (const FlagSpec& spec : flag_table()) {
    std::string line = std::string("  --") + spec.name;
    line.resize(std::max<std::size_t>(line.size() + 1, 33), ' ');
    line += spec.help;
    if (*spec.default_value != '\0') line += std::string(" (default: ") + spec.default_value + ")";
    text += line + "\n";
  }
  text +=
      "\nExamples:\n"
      "  cairn server --data-dir /var/lib/cairn\n"
      "  cairn server --name n1 --data-dir /var/lib/cairn --listen-peer-urls http://10.0.0.1:2380 \\\n"
      "    --listen-client-urls http://10.0.0.1:2379 --advertise-client-urls http://10.0.0.1:2379 \\\n"
      "    --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380\n";
  return text;
}

}  // namespace cairn::server
