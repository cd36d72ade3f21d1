#include "cli/grammar.h"

#include <optional>
#include <string>

#include "cli/checks.h"
#include "cli/help.h"

namespace cairn::cli {
namespace {

// A command that works on this machine alone.
CLI::App* add_local_command(CLI::App* app, const std::string& name, Globals* globals,
                            bool has_tables = false) {
  const Help* help = help_of(name);
  CLI::App* command = app->add_subcommand(name, help->summary);
  command->set_help_flag("-h,--help", "this text");
  command->footer("Examples:\n" + std::string(help->examples));
  command
      ->add_option("-w,--write-out", globals->format, has_tables ? "human, json or table" : "human or json")
      ->check(has_tables ? one_of({"human", "json", "table"}) : one_of({"human", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
  return command;
}

void add_endpoints(CLI::App* command, Globals* globals) {
  command
      ->add_option(
          "--endpoints", globals->endpoints,
          "servers to ask, separated by commas; else CAIRN_ENDPOINTS, else " + std::string(kEndpointDefault))
      ->type_name("URL,...");
  const auto file = [command](const char* flag, std::optional<std::string>& into, const char* what) {
    command->add_option(flag, into, what)->type_name("FILE");
  };
  file("--cacert", globals->cacert,
       "of https endpoints: the CA of the servers, PEM; else CAIRN_CACERT, else whom this machine trusts");
  file("--cert", globals->cert, "a certificate that they are shown, PEM; else CAIRN_CERT, else none");
  file("--key", globals->key, "its key; else CAIRN_KEY");
}

// A command that asks servers.
CLI::App* add_command(CLI::App* app, const std::string& name, Globals* globals, bool has_tables = false) {
  CLI::App* command = add_local_command(app, name, globals, has_tables);
  add_endpoints(command, globals);
  command->add_option("--timeout", globals->timeout_seconds, "seconds for one request, retries included")
      ->check(between(0.001, 86400))
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      ->add_option("--user", globals->user,
                   "who asks, where users are asked; else CAIRN_USER. The password is asked for, unless "
                   "CAIRN_PASSWORD or a file says it")
      ->type_name("NAME");
  command
      ->add_option("--user-password-file", globals->password_file, "its first line is the password of --user")
      ->type_name("FILE");
  return command;
}

void add_write_commands(CLI::App* app, Options* o) {
  constexpr char kId[] = "idempotency key: the same one again, within ten minutes, writes nothing twice";
  CLI::App* put = add_command(app, "put", &o->globals);
  put->add_option("KEY", o->put.key, "at least one byte, any bytes")->required();
  put->add_option("VALUE", o->put.value, "'-' reads standard input");
  put->add_option("--file", o->put.file, "read the value from this file; - is standard input")
      ->type_name("PATH");
  put->add_option("--id", o->put.id, kId);

  CLI::App* del = add_command(app, "del", &o->globals);
  del->add_option("KEY", o->del.key, "the key, or with --prefix how keys begin")->required();
  del->add_flag("--prefix", o->del.prefix, "all keys that start with KEY");
  del->add_flag("--yes", o->del.yes, "yes, every key (for an empty prefix)");
  del->add_flag("--missing-ok", o->del.missing_ok, "exit 0 when the key does not exist");
  del->add_option("--id", o->del.id, kId);

  CLI::App* cas = add_command(app, "cas", &o->globals);
  cas->add_option("KEY", o->cas.key, "the whole key")->required();
  cas->add_option("VALUE", o->cas.value, "the new value, or - for standard input")->required();
  cas->add_option("--expect", o->cas.expect, "only if the value is this one")->type_name("VALUE");
  cas->add_option("--expect-revision", o->cas.expect_revision, "only if the mod revision is this one")
      ->check(whole_number())
      ->type_name("REVISION");
  cas->add_flag("--create", o->cas.create, "only if the key does not exist");
  cas->add_option("--id", o->cas.id, kId);

  CLI::App* batch = add_command(app, "batch", &o->globals);
  batch->add_option("FILE", o->batch.file, "a JSON object a line; without it, or '-': standard input");
  batch->add_option("--id", o->batch.id,
                    "the same input with the same id applies once; remembered for ten minutes");
  batch->add_flag("--no-progress", o->batch.no_progress, "no progress line on a terminal");
}

void add_consistency(CLI::App* command, std::string* into) {
  command
      ->add_option(
          "--consistency", *into,
          "linearizable: sees every write that has ended; local: what the asked member has, possibly behind "
          "(default: linearizable at the leader, local elsewhere)")
      ->check(one_of({"linearizable", "local"}))
      ->type_name("WHICH");
}

void add_get(CLI::App* app, Options* o) {
  CLI::App* get = add_command(app, "get", &o->globals, true);
  get->add_option("KEY", o->get.key, "the whole key, no prefix: cairn ls lists")->required();
  get->add_option("--rev", o->get.revision, "as it was at this revision")
      ->check(whole_number())
      ->type_name("REVISION");
  add_consistency(get, &o->get.consistency);
  get->add_flag("--missing-ok", o->get.missing_ok, "exit 0 when the key does not exist");
}

void add_list(CLI::App* app, Options* o) {
  CLI::App* list = add_command(app, "ls", &o->globals, true);
  list->add_option("PREFIX", o->list.prefix, "how the keys begin; none: all keys");
  list->add_option("--from", o->list.from, "instead of a prefix: this key and those behind it")
      ->type_name("KEY");
  list->add_option("--to", o->list.to, "only keys before this one, which is not listed")->type_name("KEY");
  list->add_option("--rev", o->list.revision, "as it was at this revision")
      ->check(whole_number())
      ->type_name("REVISION");
  list->add_option("--limit", o->list.limit, "at most so many keys, the first in the order asked for; 0: all")
      ->check(whole_number())
      ->type_name("COUNT");
  list->add_option("--sort", o->list.sort, "by key, create, mod, version or value; key unless you say so")
      ->check(one_of({"key", "create", "mod", "version", "value"}))
      ->type_name("WHAT");
  list->add_flag("--descending", o->list.descending, "the largest first");
  list->add_flag("-l,--values", o->list.with_values, "values too, after a tab");
  list->add_flag("--keys-only", o->list.keys_only, "no values, as without any flag; in a table, too");
  list->add_flag("--count", o->list.count_only, "only how many keys there are");
  add_consistency(list, &o->list.consistency);
}

void add_watch(CLI::App* app, Options* o) {
  CLI::App* watch = add_command(app, "watch", &o->globals);
  watch->add_option("KEY", o->watch.key, "the key, or with --prefix how keys begin")->required();
  watch->add_option("COMMAND", o->watch.command,
                    "behind --: run for each change, with CAIRN_WATCH_TYPE, _KEY and _REVISION in its "
                    "environment and the value on its standard input; else a line for each is printed");
  watch->add_flag("--prefix", o->watch.prefix, "all keys that start with KEY");
  watch->add_option("--to", o->watch.to, "all keys from KEY up to before this one")->type_name("KEY");
  watch->add_option("--rev", o->watch.revision, "from this revision on; without it: from now on")
      ->check(whole_number())
      ->type_name("REVISION");
  watch->add_flag("--prev", o->watch.previous, "with what was there before");
  watch->add_option("--only", o->watch.only, "put or delete")
      ->check(one_of({"put", "delete"}))
      ->type_name("WHAT");
  watch->add_option("--count", o->watch.count, "end after so many changes; 0: go on until interrupted")
      ->check(whole_number())
      ->type_name("COUNT");
}

void add_history(CLI::App* app, Options* o) {
  CLI::App* history = add_command(app, "history", &o->globals);
  history->add_option("KEY", o->history.key, "the key, or with --prefix how keys begin")->required();
  history->add_flag("--prefix", o->history.prefix, "all keys that start with KEY");
  history->add_option("--limit", o->history.limit, "only so many, the newest; 0: all")
      ->check(CLI::Range(0, 10000))
      ->type_name("COUNT");
}

void add_lease_commands(CLI::App* app, Options* o) {
  CLI::App* lease = add_command(app, "lease", &o->globals);
  lease->add_option("ACTION", o->lease.action, "grant, revoke, keep-alive, timetolive or list")
      ->required()
      ->check(one_of({"grant", "revoke", "keep-alive", "timetolive", "list"}));
  lease->add_option("WHAT", o->lease.what, "the id; of grant: the TTL in seconds, or as 30s, 5m, 2h");
  lease->add_flag("--once", o->lease.once, "keep-alive: renew it now, and that is all");
  lease->add_flag("--keys", o->lease.keys, "timetolive: with the keys that are attached to it");

  const auto add_ttl = [](CLI::App* command, std::int64_t* into) {
    command
        ->add_option("--ttl", *into,
                     "seconds after which it is free again should this process or its way be lost")
        ->check(between(2, 86400))
        ->type_name("SECONDS")
        ->capture_default_str();
  };
  CLI::App* lock = add_command(app, "lock", &o->globals);
  lock->add_option("NAME", o->lock.name, "of the lock: whoever says the same waits for it")->required();
  lock->add_option(
      "COMMAND", o->lock.command,
      "behind --: run once the lock is held, with CAIRN_LOCK_KEY and _REVISION in its environment; "
      "without it the key is printed, and the lock held until interrupted");
  add_ttl(lock, &o->lock.ttl_seconds);

  CLI::App* elect = add_command(app, "elect", &o->globals);
  elect->add_option("NAME", o->elect.name, "of the election")->required();
  elect->add_option("VALUE", o->elect.value,
                    "what a leader says of itself; its key is printed once it leads");
  elect->add_flag("--listen", o->elect.listen, "print who leads, and again whenever that changes");
  add_ttl(elect, &o->elect.ttl_seconds);
}

void add_cluster_commands(CLI::App* app, Options* o) {
  add_command(app, "status", &o->globals);
  add_command(app, "members", &o->globals);

  CLI::App* member = add_command(app, "member", &o->globals);
  member->add_option("ACTION", o->member.action, "list, add, remove, promote, update or replace")
      ->required()
      ->check(one_of({"list", "add", "remove", "promote", "update", "replace"}));
  member->add_option("WHO", o->member.who,
                     "a name or an id; of add and update NAME=URL, where the others reach it");
  member->add_option("NEW", o->member.by, "replace: the other machine, as NAME=URL");
  member->add_flag("--learner", o->member.learner, "add: it does not vote before it is promoted");
  member->add_flag("--dry-run", o->member.dry_run, "say what would come of it, and do nothing");
  member->add_flag("--yes", o->member.yes, "do it; without that nothing is changed");
  member
      ->add_option("--wait", o->member.wait_seconds,
                   "replace: seconds for the other machine to catch up; later the same command goes on")
      ->check(between(0, 604800))
      ->type_name("SECONDS")
      ->capture_default_str();
}

void add_users(CLI::App* app, Options* o) {
  CLI::App* auth = add_command(app, "auth", &o->globals);
  auth->add_option("ACTION", o->auth.action, "enable, disable or status")
      ->required()
      ->check(one_of({"enable", "disable", "status"}));

  CLI::App* user = add_command(app, "user", &o->globals);
  user->add_option("ACTION", o->user.action, "add, delete, passwd, list, get, grant-role or revoke-role")
      ->required()
      ->check(one_of({"add", "delete", "passwd", "list", "get", "grant-role", "revoke-role"}));
  user->add_option("NAME", o->user.words, "the user; of grant-role and revoke-role the role behind it");
  user->add_flag("--no-password", o->user.no_password, "add: who logs in by no password");
  user->add_option("--password-file", o->user.password_file,
                   "add, passwd: the first line is the new password; else it is asked for, or read from "
                   "standard input")
      ->type_name("FILE");

  CLI::App* role = add_command(app, "role", &o->globals);
  role->add_option("ACTION", o->role.action, "add, delete, list, get, grant-permission or revoke-permission")
      ->required()
      ->check(one_of({"add", "delete", "list", "get", "grant-permission", "revoke-permission"}));
  role->add_option("NAME", o->role.words,
                   "the role; behind it, of grant-permission read, write or readwrite and the key, of "
                   "revoke-permission the key");
  role->add_flag("--prefix", o->role.prefix, "all keys that start with the key");
  role->add_flag("--from-key", o->role.from_key, "the key and all behind it");
  role->add_option("--to", o->role.to, "all keys from the key up to before this one")->type_name("KEY");
}

void add_bench(CLI::App* app, Options* o) {
  load::Options& bench = o->bench;
  CLI::App* command = add_local_command(app, "bench", &o->globals);
  add_endpoints(command, &o->globals);
  command
      ->add_option(
          "KIND", bench.kind,
          "put, get, range, txn (compare and put), mixed (get and put), delete (and put again), fill (write "
          "every key once), watch (the puts of another bench), grant (leases), or keep-alive (of leases)")
      ->required()
      ->check(
          one_of({"put", "get", "range", "txn", "mixed", "delete", "fill", "watch", "grant", "keep-alive"}));
  const auto number = [command](const char* flag, auto& into, const char* what, double low, double high) {
    command->add_option(flag, into, what)->check(between(low, high))->capture_default_str();
  };
  number("--connections", bench.connections, "spread over the endpoints", 1, 10000);
  number("--streams", bench.streams, "requests in flight on each connection", 1, 1000);
  number("--seconds", bench.seconds, "how long to measure", 0.1, 86400);
  number("--rate", bench.rate,
         "operations a second, whatever the answers do, with latency from when each was due; 0: as fast as "
         "answers come",
         0, 1e7);
  number("--keys", bench.keys, "how many keys to choose among; reads fill in what is missing", 1, 1e11);
  number("--value-bytes", bench.value_bytes, "size of the values written", 0, 1 << 20);
  number("--range-keys", bench.range_keys, "keys that a range reads", 1, 1e9);
  number("--reads", bench.reads, "per cent of reads in mixed", 0, 100);
  number("--watches", bench.watches, "how many watches look at all keys", 1, 1e7);
  number("--watch-streams", bench.watch_streams, "streams that these are spread over", 1, 1e5);
  command->add_flag("--idle", bench.idle, "watch keys that nobody writes");
  command->add_flag("--stalled", bench.stalled, "let watches stand and read nothing of what comes");
  number("--ttl", bench.ttl_seconds, "seconds that a lease lives", 1, 9e9);
  command->add_flag("--serializable", bench.serializable, "reads from the asked member alone");
  command->add_flag("--sequential", bench.sequential, "one key after the other instead of any");
  command
      ->add_option("--record", bench.record,
                   "write when each operation began, how long it took and how it ended")
      ->type_name("FILE.csv");
  command->add_flag("--json", bench.json, "the same as -w json");
  command->add_flag("--no-progress", bench.no_progress, "no progress line on a terminal");
}

void add_local_commands(CLI::App* app, Options* o) {
  CLI::App* demo = add_local_command(app, "demo", &o->globals);
  demo->add_option("--nodes", o->demo.nodes, "members to start, 1 to 9")
      ->check(between(1, 9))
      ->capture_default_str();
  demo->add_option("--port", o->demo.port, "first client port to try")
      ->check(between(1, 65000))
      ->capture_default_str();
  demo->add_option("--exec", o->demo.exec, "run this in a shell against the cluster, then stop it")
      ->type_name("COMMAND");
  demo->add_option("--keep", o->demo.keep_dir, "data directory to use and keep")->type_name("DIR");

  CLI::App* inspect = add_local_command(app, "inspect", &o->globals);
  inspect->add_option("WHAT", o->inspect.what, "wal: the log; snap: the snapshots")
      ->required()
      ->check(one_of({"wal", "snap"}));
  inspect->add_option("DIR", o->inspect.dir, "the data directory of a member that is not running")
      ->required();

  CertOptions& cert = o->cert;
  CLI::App* certificates = add_local_command(app, "cert", &o->globals);
  certificates
      ->add_option(
          "WHAT", cert.what,
          "ca: what signs the others; member: for the two ports of NAME; client: for who asks, as NAME")
      ->required()
      ->check(one_of({"ca", "member", "client"}));
  certificates->add_option("NAME", cert.name, "of ca, else cairn-ca; of a member or a client");
  certificates->add_option("--dir", cert.dir, "where ca.crt and ca.key are, and NAME.crt and NAME.key go")
      ->type_name("DIR")
      ->capture_default_str();
  certificates
      ->add_option("--hosts", cert.hosts,
                   "member: names and addresses that others reach it by; localhost and 127.0.0.1 are added")
      ->type_name("HOST,...");
  certificates->add_option("--days", cert.days, "until it ends; else 3650 of ca, 365 of others")
      ->check(between(1, 36500))
      ->type_name("DAYS");

  add_local_command(app, "version", &o->globals);
}

// What the program says of its own commands.
void add_pages(CLI::App* app, Options* o) {
  CLI::App* completion = add_local_command(app, "completion", &o->globals);
  completion->add_option("SHELL", o->completion.shell, "bash, zsh or fish")
      ->required()
      ->check(one_of({"bash", "zsh", "fish"}));

  CLI::App* man = add_local_command(app, "man", &o->globals);
  man->add_option("PAGE", o->man.page, "such as cairn.1 or cairn-put.1; without it, the pages there are");
}

// What a member is restored as.
void add_restore_flags(CLI::App* command, RestoreOrder* order, bool* mark_compacted) {
  command->add_option("--data-dir", order->data_dir, "restore: the directory to make")->type_name("DIR");
  const auto text = [&](const char* flag, std::string& value, const char* help, const char* type) {
    command->add_option(flag, value, help)->type_name(type);
  };
  text("--name", order->name, "restore: which member this is; else default", "NAME");
  text("--initial-cluster", order->initial_cluster,
       "restore: every member of the new cluster, as cairn server takes it; else this one alone",
       "NAME=URL,...");
  text("--initial-cluster-token", order->initial_cluster_token,
       "restore: tells the new cluster from the old one with the same URLs", "TOKEN");
  text("--initial-advertise-peer-urls", order->initial_advertise_peer_urls,
       "restore: where the others reach this member", "URL,...");
  command
      ->add_option(
          "--bump-revision", order->bump_revision,
          "restore: leave out so many revisions, for clients that have seen later ones than what is restored")
      ->check(whole_number())
      ->type_name("COUNT");
  command->add_flag("--mark-compacted", *mark_compacted,
                    "restore: with --bump-revision: what was before counts as compacted");
  command->add_flag("--drop-users", order->drop_users, "restore: open to everybody what asked for users");
}

void add_snapshot(CLI::App* app, Options* o) {
  SnapshotOptions& snapshot = o->snapshot;
  RestoreOrder& restore = snapshot.restore;
  CLI::App* command = add_command(app, "snapshot", &o->globals, true);
  command
      ->add_option("WHAT", snapshot.what,
                   "save: into FILE, from a member; status: what FILE holds; restore: FILE "
                   "as the data directory of a member of a new cluster")
      ->required()
      ->check(one_of({"save", "status", "restore"}));
  command->add_option("FILE", snapshot.file, "a backup of cairn or etcd")->required();
  command->add_flag("--force", snapshot.force, "save: replace FILE");
  add_restore_flags(command, &restore, &snapshot.mark_compacted);
  command->get_option("--data-dir")
      ->description(
          "restore: the directory to make; save: a stopped member's, instead of asking one that serves");
  command->add_option("--revision", restore.revision, "restore: the keys as they were then; else FILE's last")
      ->check(whole_number(1))
      ->type_name("REVISION");
  command->add_flag("--skip-hash-check", restore.skip_hash_check,
                    "status, restore: read a file without a digest, or with a wrong one");
}

void add_backup(CLI::App* app, Options* o) {
  BackupOptions& backup = o->backup;
  CLI::App* command = add_command(app, "backup", &o->globals);
  command
      ->add_option("WHAT", backup.what,
                   "take: one into FOLDER; follow: take them, and write down every change since, until "
                   "interrupted; list: what is there; drill: start a member from the newest state, or "
                   "from a file, and compare; restore: any state that was, as the data directory of a "
                   "member of a new cluster")
      ->required()
      ->check(one_of({"take", "follow", "list", "drill", "restore"}));
  command->add_option("FOLDER", backup.where, "where they are")->required();
  command
      ->add_option("--every", backup.every,
                   "take: again after so long, until interrupted; follow: a backup so often; else 24h")
      ->type_name("TIME");
  command
      ->add_option("--sync-every", backup.sync_every,
                   "follow: so often what was written is made durable, 1s or more")
      ->type_name("TIME")
      ->capture_default_str();
  command->add_option("--keep", backup.keep, "take, follow: how many are left; older ones are removed")
      ->check(between(1, 1'000'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_flag("--verify", backup.verify, "list: read each of them as a whole");
  command
      ->add_option("--at", backup.at,
                   "restore: a revision, a time such as 2026-11-30T12:50:16Z, or 10m for ten minutes ago; "
                   "else the newest")
      ->type_name("REVISION|TIME");
  add_restore_flags(command, &backup.restore, &backup.mark_compacted);
}

}  // namespace

void add_commands(CLI::App* app, Options* options) {
  add_write_commands(app, options);
  add_get(app, options);
  add_list(app, options);
  add_watch(app, options);
  add_history(app, options);
  add_lease_commands(app, options);
  add_cluster_commands(app, options);
  add_users(app, options);
  add_bench(app, options);
  add_snapshot(app, options);
  add_backup(app, options);
  add_local_commands(app, options);
  add_pages(app, options);
}

}  // namespace cairn::cli
