#include "server/show_config.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "observe/metrics.h"
#include "server/fatal.h"
#include "server/tls_ports.h"

namespace cairn::server {
namespace {

constexpr char kHelp[] =
    "Usage: cairn config show|check [--origin] [-w json] [FLAGS OF THE SERVER]\n\n"
    "What a start with these flags, this environment and this --config-file would go by.\n\n"
    "  show       every setting that has a value, as a file that --config-file reads\n"
    "    --origin   where each comes from: a flag, a variable, a file, or by default\n"
    "    -w json    as JSON, origins included\n"
    "  check      whether the start would be refused, and what would be said at it: exit code 2 if it "
    "would;\n"
    "             certificates are read, the data directory is not looked at\n\n"
    "Examples:\n"
    "  cairn config show --config-file /etc/cairn/cairn.toml --origin\n"
    "  cairn config check --config-file /etc/etcd/etcd.conf.yml\n";

struct Order {
  std::string action;
  bool with_origin = false, as_json = false, help = false;
  std::vector<std::string> flags;  // of the server
};

Result<Order> read_order(const std::vector<std::string>& args) {
  Order order;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--help" || arg == "-h") {
      order.help = true;
    } else if (arg == "--origin") {
      order.with_origin = true;
    } else if (arg == "-w" || arg == "--write-out") {
      const std::string format = ++i < args.size() ? args[i] : "";
      if (format != "json") return fail(Code::invalid_argument, arg + " must be json, or left out");
      order.as_json = true;
    } else if (order.action.empty() && (arg == "show" || arg == "check")) {
      order.action = arg;
    } else {
      order.flags.push_back(arg);
    }
  }
  if (order.action.empty() && !order.help)
    return fail(Code::invalid_argument, "config needs to know what to do: show or check");
  if (order.action == "check" && (order.with_origin || order.as_json))
    return fail(Code::invalid_argument, "config check has no flag --origin or -w");
  return order;
}

std::string cluster_of(const Config& config) {
  std::string text;
  for (const ConfiguredMember& member : config.initial_cluster)
    for (const Url& url : member.peer_urls) text += (text.empty() ? "" : ",") + member.name + "=" + url.text;
  return text;
}

// With what nobody has said, and follows from what somebody has.
std::vector<Setting> effective(const Config& config) {
  std::vector<Setting> all = config.settings;
  const std::pair<const char*, std::string> derived[] = {
      {"data-dir", config.data_dir},
      {"advertise-client-urls", joined(texts(config.advertise_client_urls))},
      {"initial-advertise-peer-urls", joined(texts(config.initial_advertise_peer_urls))},
      {"initial-cluster", cluster_of(config)},
      {"front-end-threads", std::to_string(config.front_end_threads)},
      {"quota-backend-bytes", config.quota_bytes == 0 ? "-1" : std::to_string(config.quota_bytes)},
  };
  for (const auto& [name, value] : derived)
    for (Setting& setting : all)
      if (setting.name == name) setting.value = value;
  std::erase_if(
      all, [](const Setting& setting) { return setting.value.empty() || setting.name == "config-file"; });
  return all;
}

int say(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  return kExitUsage;
}

int check(const Config& config) {
  for (const std::string& note : config.notes) std::fprintf(stderr, "warning: %s\n", note.c_str());
  Metrics metrics;
  PortTls clients = config.client_tls, peers = config.peer_tls;
  for (PortTls* const port : {&clients, &peers})
    if (port->automatic) port->on = false;  // its certificate is made at the start, not here
  if (const auto ports = TlsPorts::open(clients, peers, &metrics, {}); !ports) return say(ports.error());
  if (!config.bootstrap_problem.empty())
    std::fprintf(stderr,
                 "warning: no cluster can be founded with this, only an existing member started: %s\n",
                 config.bootstrap_problem.c_str());
  std::printf("ok: %s would start from %s\n", config.name.c_str(), config.data_dir.c_str());
  return 0;
}

}  // namespace

std::string shown_as_toml(const std::vector<Setting>& settings, bool with_origin) {
  std::string text;
  for (const Setting& setting : settings) {
    // What JSON escapes TOML does, too.
    std::string line = setting.name + " = " + nlohmann::json(setting.value).dump();
    if (with_origin) {
      line.resize(std::max<std::size_t>(line.size() + 2, 60), ' ');
      line += "# " + setting.origin;
    }
    text += line + "\n";
  }
  return text;
}

std::string shown_as_json(const std::vector<Setting>& settings) {
  auto all = nlohmann::ordered_json::object();
  for (const Setting& setting : settings)
    all[setting.name] = {{"value", setting.value}, {"origin", setting.origin}};
  return all.dump() + "\n";
}

int config_command(const std::vector<std::string>& args) {
  const Result<Order> order = read_order(args);
  if (!order) return say({order.error().code, order.error().message + "; see cairn config --help"});
  if (order->help) return std::fputs(kHelp, stdout), 0;
  const Result<Config> config = parse(order->flags, process_environment());
  if (!config) return say(config.error());
  if (config->show_version) return std::fputs(kHelp, stdout), 0;
  if (order->action == "check") return check(*config);
  const std::vector<Setting> settings = effective(*config);
  const std::string text =
      order->as_json ? shown_as_json(settings) : shown_as_toml(settings, order->with_origin);
  return std::fputs(text.c_str(), stdout), 0;
}

}  // namespace cairn::server
