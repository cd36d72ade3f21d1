#include "cli/help.h"

#include "cli/cli.h"

namespace cairn::cli {
namespace {

constexpr Help kHelps[] = {
    {"demo", "start a throwaway cluster of three real processes here",
     "  cairn demo\n  cairn demo --exec 'cairn put a 1 && cairn get a'\n"},
    {"put", "write a key", "  cairn put greeting hello\n  cairn put config --file config.json\n"},
    {"get", "print the value of a key, byte for byte",
     "  cairn get greeting\n  cairn get greeting -w json\n"},
    {"del", "delete a key, or all with a prefix", "  cairn del greeting\n  cairn del --prefix logs/\n"},
    {"cas", "write a key only if it is as expected",
     "  cairn cas lock me --create\n  cairn cas counter 2 --expect 1\n"},
    {"batch", "apply operations from a file or standard input, a JSON object a line",
     "  echo '{\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}' | cairn batch\n  cairn batch --id import-7 "
     "all.jsonl\n"},
    {"ls", "list keys",
     "  cairn ls\n  cairn ls users/ --values --limit 10\n  cairn ls --from a --to n --count\n"
     "  cairn ls -w table --sort mod --descending\n  cairn ls -l -w json > all.jsonl   # cairn batch reads "
     "it\n"},
    {"watch", "print the changes of keys as they happen, or run a command for each",
     "  cairn watch greeting\n  cairn watch config/ --prefix --prev -w json\n"
     "  cairn watch config/ --prefix -- ./reload.sh\n"},
    {"history", "print what has become of a key, as far back as it is kept",
     "  cairn history greeting\n  cairn history config/ --prefix --limit 20 -w json\n"},
    {"lease", "grant, revoke, keep alive, look at or list leases",
     "  cairn lease grant 30s\n  cairn lease timetolive ID --keys\n  cairn lease keep-alive ID --once\n"
     "  cairn lease revoke ID\n  cairn lease list -w json\n"},
    {"lock", "hold a lock while a command runs, or until interrupted",
     "  cairn lock backup -- ./backup.sh\n  cairn lock backup\n"},
    {"elect", "stand for an election and lead until interrupted, or listen who leads",
     "  cairn elect primary 10.0.0.7:5432\n  cairn elect --listen primary\n"},
    {"status", "the health of the cluster, member by member", "  cairn status\n  cairn status -w json\n"},
    {"members", "the members and their addresses", "  cairn members\n  cairn members -w json\n"},
    {"member", "list, add, remove, promote, update or replace members",
     "  cairn member remove n2 --dry-run\n  cairn member add n4=http://10.0.0.4:2380 --yes\n"
     "  cairn member replace n2 n5=http://10.0.0.5:2380 --yes\n"},
    {"auth", "ask users who they are, from here on or no more",
     "  cairn auth status\n  cairn auth enable                  # once the user root has the role root\n"
     "  cairn auth disable --user root\n"},
    {"user", "add, change, list and delete users, and give them roles",
     "  cairn user add ann\n  cairn user grant-role ann app\n  cairn user passwd ann --user root\n"
     "  cairn user list -w json\n"},
    {"role", "add, list and delete roles, and say what they may",
     "  cairn role add app\n  cairn role grant-permission app readwrite app/ --prefix\n"
     "  cairn role get app\n  cairn role revoke-permission app app/ --prefix\n"},
    {"server", "run a member", "  cairn server --data-dir /var/lib/cairn\n  cairn server --help\n"},
    {"config", "show what a member would be started with, or check it",
     "  cairn config show --config-file /etc/cairn/cairn.toml --origin\n"
     "  cairn config check --config-file /etc/etcd/etcd.conf.yml\n"},
    {"bench", "measure a cluster (etcd's API, so an etcd too)",
     "  cairn bench put --seconds 10\n  cairn bench mixed --reads 90 --connections 10 --streams 100 --json\n"
     "  cairn bench put --rate 3000\n  cairn bench fill --keys 1000000\n"},
    {"snapshot", "back up a cluster, look at a backup, restore it (etcd's, too)",
     "  cairn snapshot save monday.db\n  cairn snapshot status monday.db -w json\n"
     "  cairn snapshot restore monday.db --data-dir /var/lib/cairn\n"},
    {"backup", "a folder of backups: take them by themselves, follow every change, restore any state",
     "  cairn backup take /var/backups/cairn --every 1h --keep 48\n  cairn backup list /var/backups/cairn "
     "--verify\n"
     "  cairn backup follow /var/backups/cairn --every 24h --keep 7\n"
     "  cairn backup drill /var/backups/cairn\n"
     "  cairn backup restore /var/backups/cairn --at 10m --data-dir /var/lib/cairn\n"},
    {"cert", "make certificates for TLS: a CA of your own, members, clients",
     "  cairn cert ca --dir pki\n  cairn cert member n1 --hosts n1.example,10.0.0.1 --dir pki\n"
     "  cairn cert client backup --dir pki\n"},
    {"inspect", "print and verify the files of a stopped member",
     "  cairn inspect wal /var/lib/cairn\n  cairn inspect snap /var/lib/cairn\n"},
    {"completion", "print what has a shell complete commands and flags",
     "  source <(cairn completion bash)\n  cairn completion fish > ~/.config/fish/completions/cairn.fish\n"},
    {"man", "print a page of the manual, or their names",
     "  cairn man\n  cairn man cairn-put.1 | man -l -\n"},
    {"version", "print the version", "  cairn version\n  cairn version -w json\n"},
    {"help", "explain a command", "  cairn help put\n  cairn put --help\n  cairn help -w json\n"},
};

// docs/cli.md says more of each.
constexpr ExitStatus kStatuses[] = {
    {kExitOk, "done", ExitStatus::Of::all},
    {kExitNegative, "negative answer: no such key, not as expected, not healthy"},
    {kExitUsage, "usage: what can never work", ExitStatus::Of::all},
    {kExitUnreachable, "unreachable: nobody answers, or not in time"},
    {kExitRefused, "refused by the server"},
    {kExitLocalIo, "local files: one cannot be used, or a disk is full; a port is in use",
     ExitStatus::Of::all},
    {6, "its log or state differs from that of the other members: start it again, and they take it in",
     ExitStatus::Of::server},
    {7, "its data directory was deleted, moved, replaced or mounted over while it ran",
     ExitStatus::Of::server},
    {8, "it was removed from its cluster", ExitStatus::Of::server},
    {kExitInternal, "a bug in cairn"},
    {74, "a durable write failed, or the disk could not be used for now: a restart recovers what was synced",
     ExitStatus::Of::server},
    {kExitInterrupted, "interrupted"},
};

}  // namespace

const Help* help_of(std::string_view command) {
  for (const Help& help : kHelps)
    if (help.name == command) return &help;
  return nullptr;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Help& help : kHelps) names.emplace_back(help.name);
  return names;
}

std::span<const ExitStatus> exit_statuses() { return kStatuses; }

std::string overview() {
  std::string text = "cairn: a distributed, strongly consistent key-value store\n\nCommands:\n";
  for (const Help& help : kHelps)
    text += "  " + std::string(help.name) + std::string(12 - help.name.size(), ' ') + help.summary + "\n";
  text +=
      "\nStart here:\n"
      "  cairn demo                  a cluster on this machine, with what to try next\n"
      "  cairn help COMMAND          flags and examples\n"
      "\nServers are found by --endpoints or CAIRN_ENDPOINTS, else http://127.0.0.1:2379. Of https ones\n"
      "the CA is --cacert or CAIRN_CACERT; --cert and --key, or CAIRN_CERT and CAIRN_KEY, are shown.\n"
      "Exit codes: 0 done, 1 negative answer, 2 usage, 3 unreachable, 4 refused, 5 local files,\n"
      "70 a bug in cairn, 130 interrupted.\n";
  return text;
}

}  // namespace cairn::cli
