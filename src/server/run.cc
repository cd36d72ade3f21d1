#include "server/run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <optional>
#include <random>
#include <utility>

#include "base/hex_id.h"
#include "base/version.h"
#include "io/file_limit.h"
#include "io/port_holder.h"
#include "io/posix_disk.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/server_metrics.h"
#include "server/auto_tls.h"
#include "server/bootstrap.h"
#include "server/clients.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/descriptors.h"
#include "server/disk_gauge.h"
#include "server/fatal.h"
#include "server/guarded_disk.h"
#include "server/joining.h"
#include "server/member_metrics.h"
#include "server/password_thread.h"
#include "server/reclaimer.h"
#include "server/reload.h"
#include "server/runtime.h"
#include "server/service_manager.h"
#include "server/tls_ports.h"
#include "wal/format.h"

namespace cairn::server {
namespace {

std::int64_t unix_ms() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

int print_error(const Error& error, int exit_code) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return exit_code;
}

// Once there is a log, whoever reads it looks for the reason there.
int refuse_to_start(const Error& error, int exit_code) {
  log_error("cannot start: " + error.message, {{"exit-status", exit_code}});
  return exit_code;
}

node::Config node_config(const Config& config, const Bootstrap& bootstrap) {
  node::Config node;
  node.cluster_id = bootstrap.cluster_id;
  node.request_id_seed = random_number();
  node.snapshot_log_bytes_min = config.snapshot_log_bytes;
  node.raft.id = raft::NodeId{bootstrap.self};
  node.raft.seed = random_number();
  node.raft.election_timeout = config.election_timeout;
  node.raft.heartbeat_interval = config.heartbeat_interval;
  node.raft.form_with_majority = config.form_with_majority;
  node.raft.hash = wal::hash_of;
  // What the clients of one member may have pending fits into the log at once.
  node.raft.uncommitted_bytes_max = node.pending_write_bytes_max;
  // A follower that lacks more than that much log gets it faster as a snapshot.
  node.raft.log_keep_bytes = std::min<std::uint64_t>(node.raft.log_keep_bytes, config.snapshot_log_bytes);
  node.raft.log_keep_lagging_bytes =
      std::min<std::uint64_t>(node.raft.log_keep_lagging_bytes, config.snapshot_log_bytes);
  node.log_memory_bytes = std::min(node.log_memory_bytes, config.snapshot_log_bytes);
  node.quota_bytes = config.quota_bytes;
  node.compaction.period = config.compaction_period;
  node.compaction.keep_revisions = config.compaction_revisions;
  // What is kept for slow followers cannot be compacted away: it takes a small part of a small quota.
  if (node.quota_bytes > 0) {
    const std::uint64_t part = node.quota_bytes / 16;
    node.log_memory_bytes = std::min(node.log_memory_bytes, part);
    node.raft.log_keep_lagging_bytes = std::min<std::uint64_t>(node.raft.log_keep_lagging_bytes, part);
  }
  return node;
}

// Without proof of identity, whoever reaches the port may speak as a member.
std::vector<std::string> open_peer_urls(const Config& config) {
  std::vector<std::string> open;
  for (const Url& url : config.listen_peer_urls)
    if (!url.loopback() && !(url.secure && config.peer_tls.shown.demands_certificate))
      open.push_back(url.text);
  return open;
}

api::Config api_config(const Config& config, ServerMetrics* metrics, api::Passwords* passwords) {
  api::Config api;
  api.name = config.name;
  api.request_timeout = std::chrono::seconds(5) + 2 * config.election_timeout;
  api.leader_patience = 2 * config.election_timeout;
  api.leaderless_max = 3 * config.election_timeout;
  api.lease_ttl_min_s = std::chrono::ceil<std::chrono::seconds>(config.election_timeout * 3 / 2).count();
  api.random = random_number;
  api.watch.progress_interval = config.watch_progress_interval;
  api.gateway = config.gateway;
  api.peer_port_open = !open_peer_urls(config).empty();
  api.request_bytes_max = config.max_request_bytes;
  api.cors_origins = config.cors_origins;
  api.metrics = metrics;
  api.token_idle_max = config.token_idle_max;
  api.passwords = passwords;
  return api;
}

peer::Config peer_config(const Bootstrap& bootstrap, const node::Recovered& recovered,
                         const Descriptors& descriptors, TlsPorts& tls) {
  peer::Config peer;
  peer.cluster_id = bootstrap.cluster_id;
  peer.self = raft::NodeId{bootstrap.self};
  peer.term_at_start = recovered.raft.hard_state.term;
  peer.ungreeted_max = descriptors.ungreeted_peers;
  peer.accepted_through = tls.peers();
  peer.dialed_through = tls.dialed();
  return peer;
}

void warn_of_open_peer_port(const Config& config) {
  const std::vector<std::string> open = open_peer_urls(config);
  if (open.empty()) return;
  log_warn(
      "the peer port is open to anybody who reaches it: members do not prove who they are, so let only the "
      "other members reach it, by a private network or a firewall; or have them show certificates of a CA of "
      "their own: --peer-cert-file, --peer-key-file and --peer-trusted-ca-file, and https in their URLs",
      {{"listen-peer-urls", joined(open)}});
}

// That a certificate made here is for.
std::vector<std::string> hosts_of(const std::vector<Url>& advertised, const std::vector<Url>& listened_at) {
  std::vector<std::string> hosts;
  for (const auto* const urls : {&advertised, &listened_at})
    for (const Url& url : *urls)
      if (!url.wildcard() && std::find(hosts.begin(), hosts.end(), url.host) == hosts.end())
        hosts.push_back(url.host);
  return hosts;
}

Result<std::unique_ptr<TlsPorts>> open_tls(Config* config, Metrics* metrics) {
  const auto now = std::chrono::system_clock::now();
  PortTls &clients = config->client_tls, &peers = config->peer_tls;
  if (clients.automatic) {
    const auto hosts = hosts_of(config->advertise_client_urls, config->listen_client_urls);
    TRY(make_auto_tls(config->data_dir, "client", hosts, now, &clients.shown));
    log_warn("clients are shown a certificate that nobody has signed: only who is given it knows this member",
             {{"file", clients.shown.certificate_file}});
  }
  if (peers.automatic) {
    const auto hosts = hosts_of(config->initial_advertise_peer_urls, config->listen_peer_urls);
    TRY(make_auto_tls(config->data_dir, "peer", hosts, now, &peers.shown));
    peers.dialing.certificate_file = peers.shown.certificate_file;
    peers.dialing.key_file = peers.shown.key_file;
  }
  return TlsPorts::open(clients, peers, metrics, {});
}

// What went wrong with listening, who is in the way, and which flag leads elsewhere.
Status listened(const Result<std::uint16_t>& port, const Url& url, const std::string& flag) {
  if (port) return {};
  std::string message = port.error().message;
  const bool in_use = port.error().code == Code::unavailable;
  const std::string holder = in_use ? io::port_holder(url.port) : "";
  if (!holder.empty()) message += " by " + holder;
  if (in_use && holder.empty())
    message +=
        " by another user's process; root finds it with: ss -ltnp 'sport = :" + std::to_string(url.port) +
        "'";
  return fail(port.error().code, message + "; " + flag + " names other addresses");
}

// What this member has differs from what the others have: it says so and ends, and its next start begins with
// nothing.
[[noreturn]] void stop_for_divergence(io::Disk& disk, const std::string& dir, const std::string& why) {
  const Result<std::string> aside = note_divergence(disk, dir, why);
  if (!aside) stop_for_disk_error("noting that this member differs from the others", aside.error());
  log_error("stopping: E_DIVERGED: this member differs from the others",
            {{"why", why},
             {"next",
              "start it again, as systemd does for Restart=on-failure: the others take it in again; should a "
              "majority have stopped so, remove the file DIVERGED from their data directories first"},
             {"will-lie-in", *aside}});
  ::_exit(kExitDiverged);
}

// One member, from its first socket to its last.
class Process {
 public:
  // `read_again`: the configuration, as it is by then.
  Process(io::Disk& disk, const DiskGauge& gauge, Metrics& registry, TlsPorts& tls, ServiceManager& manager,
          Config config, std::function<Result<Config>()> read_again, const Descriptors& descriptors,
          DataDir data)
      : config_(std::move(config)),
        manager_(manager),
        read_again_(std::move(read_again)),
        tls_(tls),
        bootstrap_(data.bootstrap),
        snapshot_disk_(std::move(data.snapshot_disk)),
        registry_(registry),
        runtime_(io_, {.node = node_config(config_, bootstrap_),
                       .peer = peer_config(bootstrap_, data.recovered, descriptors, tls),
                       .recovered = std::move(data.recovered),
                       .initial = bootstrap_.members,
                       .log = std::move(data.log),
                       .snapshots = std::move(data.snapshots),
                       .snapshot_pace = &snapshot_disk_->pace(),
                       .metrics = &metrics_,
                       .disk_use = [&gauge] { return gauge.latest(); },
                       .diverged = [&disk, dir = config_.data_dir](
                                       const std::string& why) { stop_for_divergence(disk, dir, why); },
                       .removed = [this] { end_as_removed(); }}),
        signals_(io_, SIGINT, SIGTERM),
        reload_signals_(io_, SIGHUP) {
    clients_.emplace(
        io_, runtime_, api_config(config_, &metrics_, &passwords_),
        Clients::Limits{.front_ends = config_.front_end_threads, .rpc = rpc_limits(config_, descriptors)});
    runtime_.show_to(*clients_);
    runtime_.on_turn_end([this] { clients_->turn_ended(); });
    add_member_metrics(runtime_, runtime_.peers(), &registry);
    add_disk_metrics(gauge, &registry);
    add_process_metrics(&registry);
  }

  Status listen() {
    for (const Url& url : config_.listen_peer_urls)
      TRY(listened(runtime_.peers().listen(url.listen_address(), url.port), url, "--listen-peer-urls"));
    warn_of_open_peer_port(config_);
    for (const Url& url : config_.listen_client_urls) {
      const net::Layer layer = url.secure ? tls_.clients() : nullptr;
      TRY(listened(clients_->listen(url.listen_address(), url.port, layer), url, "--listen-client-urls"));
    }
    return {};
  }

  // Answers the process's exit status.
  int run() {
    runtime_.publish(self());
    clients_->start();
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) shut_down(signal);
    });
    await_reload();
    manager_.ready(standing());
    keep_telling();
    io_.run();
    runtime_.stop();
    return exit_;
  }

 private:
  static rpc::Limits rpc_limits(const Config& config, const Descriptors& descriptors) {
    rpc::Limits limits;
    limits.connections_max = descriptors.clients;
    limits.connections_per_source_max = descriptors.clients / 2;  // so that there is room for others
    limits.message_bytes_max = config.max_request_bytes + (std::size_t{512} << 10);
    limits.http_body_bytes_max = limits.message_bytes_max;
    return limits;
  }

  mvcc::MemberInfo self() const {
    // Peer URLs are part of who a member is, and are those of its first start.
    const auto known =
        std::find_if(bootstrap_.members.begin(), bootstrap_.members.end(),
                     [this](const BootstrapMember& each) { return each.id == bootstrap_.self; });
    return {.id = bootstrap_.self,
            .name = config_.name,
            .peer_urls = known == bootstrap_.members.end() ? std::vector<std::string>() : known->peer_urls,
            .client_urls = texts(config_.advertise_client_urls)};
  }

  // Whom this member follows, for who looks at the service and not at the cluster.
  std::string standing() const {
    const node::MemberBrief brief = runtime_.brief();
    if (brief.leader == raft::NodeId{}) return "serves; no leader is known, so requests wait for one";
    if (brief.leader == brief.id) return "serves; leads";
    const std::shared_ptr<const mvcc::MemberMap> members = runtime_.members();
    const auto leader = members->find(brief.leader.v);
    return "serves; follows " + (leader == members->end() || leader->second.name.empty()
                                     ? hex_id(brief.leader.v)
                                     : leader->second.name);
  }

  // A loop that hangs tells nothing, which is what a watchdog waits for.
  void keep_telling() {
    if (!manager_.listens()) return;
    constexpr Duration kInterval = std::chrono::seconds(1);
    telling_.expires_after(std::min(kInterval, manager_.watchdog().value_or(kInterval) / 2));
    telling_.async_wait([this](const boost::system::error_code& error) {
      if (error || stopping_) return;
      if (manager_.watchdog()) manager_.alive();
      manager_.say(standing());
      keep_telling();
    });
  }

  void await_reload() {
    reload_signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      if (!stopping_) manager_.reloading(std::chrono::steady_clock::now());
      reload();
      if (!stopping_) manager_.ready(standing());
      await_reload();
    });
  }

  // Certificates need no signal: they are looked at all the time.
  void reload() {
    Result<Config> read = read_again_();
    const std::vector<std::string>& outputs = read ? read->log_outputs : config_.log_outputs;
    const Status opened = write_log_to(outputs);
    if (!opened) log_error("the log goes on to where it went before", {{"why", opened.error().message}});
    if (!read) {
      log_error("the configuration cannot be used: that of before stays in force",
                {{"why", read.error().message}});
      return;
    }
    const SettingChanges changes = changes_between(config_.settings, read->settings);
    set_log_level(read->log_level);
    runtime_.tune(
        {.quota_bytes = read->quota_bytes,
         .compaction = {.period = read->compaction_period, .keep_revisions = read->compaction_revisions}});
    log_info("reloaded", {{"changed", joined(changes.taken)}, {"log-opened-anew", opened.has_value()}});
    if (!changes.waiting.empty())
      log_warn("some settings have changed that only a start takes", {{"settings", joined(changes.waiting)}});
    config_.settings = std::move(read->settings);
    config_.log_outputs = std::move(read->log_outputs);
  }

  // Leadership first, so that the others do not have to miss this member before they elect; then the clients'
  // requests in progress; then the log.
  void shut_down(int signal) {
    log_info("shutting down", {{"signal", signal}});
    drain_and_stop("stops: hands leadership over, answers what was asked, and closes its log");
  }

  // The others go on without it; started again, it finds the same.
  void end_as_removed() {
    log_error(
        "stopping: this member was removed from the cluster",
        {{"name", config_.name},
         {"next",
          "if that was meant, its data directory is of no more use; to have this machine in the cluster "
          "again, empty the directory, add the machine as a new member (cairn member add), and start "
          "it with --initial-cluster-state existing"}});
    exit_ = kExitRemoved;
    drain_and_stop("stops: it was removed from the cluster; its log says what to do");
  }

  void drain_and_stop(const char* status) {
    stopping_ = true;
    telling_.cancel();  // nothing waits for its next time
    manager_.stopping(status);
    runtime_.hand_over(2 * config_.election_timeout, [this] {
      clients_->drain([this] {
        clients_->stop();
        runtime_.stop();
        io_.stop();
      });
    });
  }

  Config config_;
  ServiceManager& manager_;
  const std::function<Result<Config>()> read_again_;
  TlsPorts& tls_;
  Bootstrap bootstrap_;
  const std::unique_ptr<PacedDisk> snapshot_disk_;  // used by the runtime
  Metrics& registry_;
  ServerMetrics metrics_{&registry_};
  boost::asio::io_context io_{1};
  int exit_ = 0;
  bool stopping_ = false;           // and whoever watches over the service knows
  std::optional<Clients> clients_;  // outlives the replica, which holds requests of clients
  Runtime runtime_;
  PasswordThread passwords_{config_.bcrypt_cost};  // its answers go to clients: it ends before they do
  boost::asio::signal_set signals_, reload_signals_;
  boost::asio::steady_timer telling_{io_};
};

void log_start(const Config& config, const DataDir& data) {
  log_info("starting", {{"name", config.name},
                        {"member-id", hex_id(data.bootstrap.self)},
                        {"cluster-id", hex_id(data.bootstrap.cluster_id)},
                        {"data-dir", config.data_dir},
                        {"members", data.bootstrap.members.size()}});
  if (data.first_start)
    log_info(
        "the data directory is new: this member begins with nothing, and serves once its cluster is formed, "
        "or has taken it in again if it was a member before");
  log_info("recovered", {{"snapshot-index", data.recovered.raft.snapshot.index.v},
                         {"entries", data.report.entries},
                         {"term", data.recovered.raft.hard_state.term.v}});
  if (data.report.torn_bytes > 0)
    log_warn("cut an incomplete write off the end of the log, behind what is known to have been durable",
             {{"bytes", data.report.torn_bytes}, {"kept-in", data.report.quarantine_file}});
  for (const std::string& note : config.notes) log_warn(note);
  for (const std::string& note : data.notes) log_warn(note);
  const raft::Life& life = data.recovered.raft.hard_state.life;
  if (!data.report.lost.empty())
    log_error(
        "this member has forgotten what it may have promised; until the others have taken it in again it "
        "neither votes nor counts",
        {{"lost", data.report.lost}, {"incarnation", hex_id(life.incarnation.v)}});
}

// Who the member is stands nowhere yet.
bool begins_with_nothing(io::Disk& disk, const std::string& dir) {
  return !disk.exists(dir + "/hardstate").value_or(true) && !disk.exists(dir + "/wal").value_or(true);
}

// Others may know more of it than its flags do.
Result<FirstCallEnd> hear_before_beginning(const Config& config, const Bootstrap& flags,
                                           const net::Layer& through, ServiceManager* manager) {
  if (config.existing_cluster) {
    manager->say("waits to be called by the cluster that it joins: cairn member add " + config.name +
                 "=URL, at one of its members, has it called");
    return await_first_call(config, through);
  }
  if (config.founding_wait.count() == 0) return FirstCallEnd{};
  set_log_member(hex_id(flags.self));
  manager->say("listens whether a cluster knows this member, before it founds one");
  return await_call_before_founding(config, flags, through);
}

void log_limits(const Config& config, std::size_t files_max, const Descriptors& descriptors) {
  log_info("open files", {{"allowed", files_max},
                          {"client-connections", descriptors.clients},
                          {"client-connections-of-one-address", descriptors.clients / 2}});
  log_info("front-end threads", {{"count", config.front_end_threads}});
}

}  // namespace

int run(const std::vector<std::string>& args) {
  Result<Config> config = parse(args, process_environment());
  if (!config) return print_error(config.error(), kExitUsage);
  if (config->show_help) return std::fputs(help_text().c_str(), stdout), 0;
  if (config->show_version) return std::printf("cairn %s\n", kVersion), 0;
  configure_log({.level = config->log_level, .format = config->log_format, .sink = {}});
  if (const Status opened = write_log_to(config->log_outputs); !opened)
    return print_error(opened.error(), kExitLocal);
  log_before_aborting();
  Result<ServiceManager> manager = ServiceManager::named_in(process_environment(), ::getpid());
  if (!manager) return refuse_to_start(manager.error(), kExitUsage);

  ::signal(SIGPIPE, SIG_IGN);  // a peer that goes away is an error of its socket, not of this process
  ::signal(SIGHUP, SIG_IGN);   // until there is something to reload
  const std::size_t files_max = io::raise_file_limit();
  const Result<Descriptors> descriptors = share_out(files_max);
  if (!descriptors) return refuse_to_start(descriptors.error(), kExitLocal);
  Reclaimer reclaimer;
  io::PosixDisk files(
      [&reclaimer](std::unique_ptr<io::File> removed) { reclaimer.take(std::move(removed)); });
  DiskGauge gauge(config->data_dir);  // outlives the guard, who looks at it
  GuardedDisk disk(files, stop_for_lost_directory);
  Metrics registry;
  const Result<std::unique_ptr<TlsPorts>> tls = open_tls(&*config, &registry);
  if (!tls) return refuse_to_start(tls.error(), kExitUsage);
  (*tls)->start();
  Result<Bootstrap> bootstrap = bootstrap_from(*config);
  bool was_there = false;
  if (bootstrap && begins_with_nothing(disk, config->data_dir)) {
    const auto heard = hear_before_beginning(*config, *bootstrap, (*tls)->peers(), &*manager);
    if (!heard) return refuse_to_start(heard.error(), kExitLocal);
    if (heard->interrupted) return log_info("stopped"), 0;
    if (heard->called) bootstrap = *heard->called;
    was_there = heard->was_there;
  }
  const Start start{.bootstrap = std::move(bootstrap),
                    .name = config->name,
                    .random = random_number(),
                    .unix_ms = unix_ms(),
                    .was_there = was_there};
  manager->say("reads its data in " + config->data_dir);
  Result<DataDir> data = open_data_dir(disk, config->data_dir, start);
  if (!data) {
    const Error& why = data.error();
    const std::string next = way_out_of_opening(why);
    const Error full{why.code, why.message + (next.empty() ? "" : ": " + next)};
    return refuse_to_start(full, start.bootstrap ? exit_after_opening(why) : kExitUsage);
  }
  gauge.look();
  disk.hold(std::move(data->lock), [&gauge] { gauge.look(); });
  set_log_member(hex_id(data->bootstrap.self));
  log_start(*config, *data);

  log_limits(*config, files_max, *descriptors);
  const std::string client_urls = joined(texts(config->listen_client_urls));
  const std::string peer_urls = joined(texts(config->listen_peer_urls));
  const auto read_again = [&args] { return parse(args, process_environment()); };
  Process process(disk, gauge, registry, **tls, *manager, std::move(*config), read_again, *descriptors,
                  std::move(*data));
  if (Status listening = process.listen(); !listening) return refuse_to_start(listening.error(), kExitLocal);
  log_info("listening; requests are answered once there is a leader",
           {{"client-urls", client_urls}, {"peer-urls", peer_urls}});
  const int status = process.run();
  log_info("stopped");
  return status;
}

}  // namespace cairn::server
