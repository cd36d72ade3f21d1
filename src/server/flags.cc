#include "server/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/closest.h"
#include "server/config_file.h"
#include "server/etcd_flags.h"

namespace cairn::server {
namespace {

constexpr FlagSpec kFlags[] = {
    {"name", "default", "name of this member, as in --initial-cluster"},
    {"data-dir", "", "folder for log and snapshots (default: NAME.cairn)"},
    {"config-file", "",
     "TOML file with the names of these flags as keys, or etcd's, in YAML, by a name that ends with .yaml or "
     ".yml"},
    {"listen-client-urls", "http://localhost:2379", "where clients are served"},
    {"advertise-client-urls", "", "where clients reach this member (default: as it listens)"},
    {"listen-peer-urls", "http://localhost:2380", "where the other members are heard"},
    {"initial-advertise-peer-urls", "",
     "where the other members reach this one (default: from --initial-cluster)"},
    {"initial-cluster", "", "NAME=URL of every member, with commas (default: this member alone)"},
    {"initial-cluster-state", "new", "new, or existing when this member was added to a running cluster"},
    {"form-with-majority", "false",
     "true: a majority of --initial-cluster is enough to found the cluster, for when a machine of a cluster "
     "that never was is not coming. It risks two clusters and lost writes: a member whose directory was "
     "wiped looks new, so a majority of those would found anew what the others still hold"},
    {"initial-cluster-wait", "2000",
     "milliseconds that a first start listens whether a cluster knows this member, which may have lost its "
     "directory; 0: it founds one at once"},
    {"initial-cluster-token", "etcd-cluster", "tells clusters apart that were given the same URLs"},
    {"heartbeat-interval", "100", "milliseconds between the leader's heartbeats"},
    {"election-timeout", "1000", "milliseconds without a leader before an election"},
    {"snapshot-log-bytes", "64MiB", "log written since the last snapshot before another one is taken"},
    {"quota-backend-bytes", "0",
     "what keys, their history and the log may take of memory before writes are refused; 0: 2 GiB; negative: "
     "anything"},
    {"auto-compaction-mode", "periodic", "what the retention counts: periodic (time) or revision"},
    {"auto-compaction-retention", "0",
     "history that is kept when it is compacted by itself: hours or a duration like 30m, or revisions; 0: it "
     "is "
     "not"},
    {"max-request-bytes", "1.5MiB", "largest request of a client"},
    {"watch-progress-notify-interval", "10m",
     "so often a watch that wants it hears that nothing has happened"},
    {"enable-grpc-gateway", "true", "false: etcd's JSON gateway under /v3 is not served", true},
    {"cors", "", "origins of web pages that may use the REST API from a browser, with commas; * for any"},
    {"front-end-threads", "auto",
     "threads that serve clients; 0: the loop does; auto: two less than cores, at most 4"},
    {"auth-token", "simple", "how users show that they have logged in: simple"},
    {"auth-token-ttl", "300", "seconds without use after which a login has ended"},
    {"bcrypt-cost", "10", "of the hashes of passwords, 4 to 31: one more takes twice as long"},
    {"cert-file", "", "certificate that clients are shown at https URLs, PEM; read again when it changes"},
    {"key-file", "", "its key"},
    {"trusted-ca-file", "", "CA of clients: whoever shows no certificate of it is not let in"},
    {"client-cert-auth", "false", "clients have to show a certificate; needs --trusted-ca-file", true},
    {"client-cert-allowed-hostname", "", "names, with commas: a client's certificate is for one of them"},
    {"client-crl-file", "", "certificates of clients that are revoked, PEM"},
    {"auto-tls", "false", "clients are shown a certificate made here, which DATA-DIR/auto-tls/client.crt is",
     true},
    {"peer-cert-file", "", "certificate that this member shows the others at https URLs, PEM"},
    {"peer-key-file", "", "its key"},
    {"peer-trusted-ca-file", "", "CA of members: nobody else is heard, or spoken to"},
    {"peer-client-cert-auth", "false", "members have to show a certificate; needs --peer-trusted-ca-file",
     true},
    {"peer-client-cert-file", "", "another certificate, for calling the others"},
    {"peer-client-key-file", "", "its key"},
    {"peer-cert-allowed-cn", "", "names, with commas: a member's certificate has one of them as common name"},
    {"peer-cert-allowed-hostname", "", "names, with commas: a member's certificate is for one of them"},
    {"peer-crl-file", "", "certificates of members that are revoked, PEM"},
    {"peer-auto-tls", "false",
     "members are shown a certificate made here, and believe anybody: encrypted, and open to whoever reaches "
     "it",
     true},
    {"cipher-suites", "", "those of TLS that may be used, with commas (default: those of today)"},
    {"tls-min-version", "TLS1.2", "TLS1.2 or TLS1.3"},
    {"tls-max-version", "", "TLS1.2 or TLS1.3 (default: the newest)"},
    {"log-level", "info", "debug, info, warn or error"},
    {"log-format", "auto", "json, text, or auto: text on a terminal"},
    {"log-outputs", "default",
     "where the log goes, with commas: stderr, stdout or files, which are opened anew on SIGHUP; default is "
     "stderr"},
};

tl::unexpected<Error> bad(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

bool known(std::string_view name) {
  return find_etcd_flag(name) != nullptr ||
         std::any_of(std::begin(kFlags), std::end(kFlags),
                     [&](const FlagSpec& spec) { return spec.name == name; });
}

std::string suggestion(std::string_view name, std::string_view dashes) {
  std::vector<std::string> names;
  for (const FlagSpec& spec : kFlags) names.emplace_back(spec.name);
  const std::string near = closest(name, names);
  if (near.empty()) return "; cairn server --help lists the known ones";
  return "; did you mean " + std::string(dashes) + near + "?";
}

using Values = std::map<std::string, Setting, std::less<>>;

// What stands on the command line. CLI11 only splits it; which value wins is decided in gather().
Result<Values> from_args(const std::vector<std::string>& args, Given* given) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::map<std::string, std::string> texts;
  std::vector<std::pair<std::string, CLI::Option*>> options;
  for (const FlagSpec& spec : kFlags) {
    const std::string flag = std::string("--") + spec.name;
    std::string& text = texts[spec.name];
    options.emplace_back(spec.name,
                         spec.toggle ? app.add_flag(flag, text) : app.add_option(flag, text)->take_last());
  }
  for (const EtcdFlag& spec : etcd_flags()) {
    const std::string flag = std::string("--") + spec.name;
    std::string& text = texts[spec.name];
    options.emplace_back(spec.name,
                         spec.toggle ? app.add_flag(flag, text) : app.add_option(flag, text)->take_last());
  }
  app.add_flag("-h,--help", given->help);
  app.add_flag("--version", given->version);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 wants them from the back
  } catch (const CLI::ParseError& error) {
    return bad(std::string("cannot read the command line: ") + error.what() + "; see cairn server --help");
  }
  if (given->help || given->version) return Values{};
  if (const auto extras = app.remaining(); !extras.empty()) {
    std::string name = extras.front().substr(0, extras.front().find('='));
    if (name.empty() || name.front() != '-') {
      return bad("unexpected argument \"" + extras.front() +
                 "\": every setting is a --flag; see cairn server --help");
    }
    const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
    return bad("unknown flag " + name + suggestion(bare, "--"));
  }
  Values values;
  for (const auto& [name, option] : options) {
    if (!option->empty()) values[name] = {name, texts[name], "--" + name};
  }
  return values;
}

// "initial-cluster" -> "INITIAL_CLUSTER"
std::string variable_of(std::string name) {
  for (char& c : name)
    if (c == '-')
      c = '_';
    else if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  return name;
}

// The first prefix that has a value wins.
void take_variable(const Environment& environment, const char* name,
                   std::initializer_list<const char*> prefixes, Values* values) {
  for (const char* prefix : prefixes) {
    const auto found = environment.find(prefix + variable_of(name));
    if (found == environment.end() || found->second.empty()) continue;
    (*values)[name] = {name, found->second, found->first};
    return;
  }
}

Values from_environment(const Environment& environment) {
  Values values;
  for (const FlagSpec& spec : kFlags) take_variable(environment, spec.name, {"CAIRN_", "ETCD_"}, &values);
  for (const EtcdFlag& flag : etcd_flags()) take_variable(environment, flag.name, {"ETCD_"}, &values);
  return values;
}

// As etcd warns of them: a typo there is a setting that its owner believes made.
void note_unknown_variables(const Environment& environment, std::vector<std::string>* notes) {
  std::set<std::string> names;
  for (const FlagSpec& spec : kFlags) names.insert("ETCD_" + variable_of(spec.name));
  for (const EtcdFlag& flag : etcd_flags()) names.insert("ETCD_" + variable_of(flag.name));
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("ETCD_") || names.count(name) > 0) continue;
    const std::string near = closest(name, std::vector<std::string>(names.begin(), names.end()));
    notes->push_back(name + " of the environment is no setting, and has no effect" +
                     (near.empty() ? "" : "; did you mean " + near + "?"));
  }
}

// Under this name, or an older one of it.
const Setting* find(const Values& values, std::string_view name) {
  if (const auto found = values.find(name); found != values.end()) return &found->second;
  for (const EtcdFlag& flag : etcd_flags()) {
    if (flag.stands_for == nullptr || flag.stands_for != name) continue;
    if (const auto found = values.find(flag.name); found != values.end()) return &found->second;
  }
  return nullptr;
}

Result<Values> from_file(const std::string& path, std::size_t bytes_max) {
  Values values;
  for (FileSetting& setting : TRY(read_config_file(path, bytes_max))) {
    if (!known(setting.name) || setting.name == "config-file")
      return bad(path + ":" + std::to_string(setting.line) + ": " + setting.name + ": unknown setting" +
                 suggestion(setting.name, ""));
    values[setting.name] = {setting.name, std::move(setting.value), path};
  }
  return values;
}

}  // namespace

std::span<const FlagSpec> flag_table() { return kFlags; }

std::string flag_of(const Setting& setting) {
  const std::string flag = "--" + setting.name;
  return setting.origin == flag || setting.origin == "default" ? flag
                                                               : flag + " (from " + setting.origin + ")";
}

tl::unexpected<Error> bad_value(const Setting& setting, const std::string& why) {
  return bad("invalid value \"" + setting.value + "\" for " + flag_of(setting) + ": " + why);
}

Result<std::vector<std::string>> read_list(const Setting& setting, std::size_t names_max) {
  std::vector<std::string> all;
  for (std::string_view left = setting.value; !left.empty();) {
    const std::size_t comma = std::min(left.find(','), left.size());
    std::string_view item = left.substr(0, comma);
    left.remove_prefix(std::min(comma + 1, left.size()));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty()) return bad_value(setting, "a name is missing between the commas");
    if (all.size() == names_max)
      return bad_value(setting, "has more than " + std::to_string(names_max) + " names");
    all.emplace_back(item);
  }
  return all;
}

const Setting& Given::operator[](std::string_view name) const {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const Setting& setting) { return setting.name == name; });
  CHECK(found != settings.end());
  return *found;
}

Result<Given> gather(const std::vector<std::string>& args, const Environment& environment,
                     const ConfigLimits& limits) {
  Given given;
  const Values flags = TRY(from_args(args, &given));
  if (given.help || given.version) return given;
  const Values variables = from_environment(environment);
  Values file;
  for (const Values* from : {&flags, &variables}) {
    const auto path = from->find("config-file");
    if (path == from->end()) continue;
    file = TRY(from_file(path->second.value, limits.config_file_bytes_max));
    break;
  }
  for (const FlagSpec& spec : kFlags) {
    Setting setting{spec.name, spec.default_value, "default"};
    for (const Values* from : {&flags, &variables, static_cast<const Values*>(&file)}) {
      const Setting* const found = find(*from, spec.name);
      if (found == nullptr) continue;
      setting = *found;
      break;
    }
    setting.name = spec.name;
    given.settings.push_back(std::move(setting));
  }
  for (const EtcdFlag& flag : etcd_flags()) {
    for (const Values* from : {&flags, &variables, static_cast<const Values*>(&file)}) {
      const auto found = from->find(flag.name);
      if (found == from->end()) continue;
      const Setting& setting = found->second;
      const std::string origin = setting.origin == "--" + setting.name
                                     ? setting.origin
                                     : "--" + setting.name + " (from " + setting.origin + ")";
      if (std::string note = TRY(remark_on(flag, setting.value, origin)); !note.empty())
        given.notes.push_back(std::move(note));
      break;
    }
  }
  note_unknown_variables(environment, &given.notes);
  return given;
}

}  // namespace cairn::server
