// The commands, each a function of its options. grammar.cc has the options filled from the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/backups.h"
#include "cli/context.h"
#include "load/options.h"

namespace cairn::cli {

struct PutOptions {
  std::string key;
  std::optional<std::string> value;  // "-": standard input
  std::string file;
  std::string id;  // idempotency key; empty: a fresh one
};
int put(const Context& context, const PutOptions& options);

struct GetOptions {
  std::string key;
  std::int64_t revision = 0;
  std::string consistency;  // "", "linearizable", "local"
  bool missing_ok = false;
};
int get(const Context& context, const GetOptions& options);

struct DelOptions {
  std::string key;
  bool prefix = false, yes = false, missing_ok = false;
  std::string id;
};
int del(const Context& context, const DelOptions& options);

struct CasOptions {
  std::string key, value;
  std::optional<std::string> expect;
  std::optional<std::int64_t> expect_revision;
  bool create = false;
  std::string id;
};
int cas(const Context& context, const CasOptions& options);

struct ListOptions {
  std::string prefix;
  std::optional<std::string> from, to;  // instead of a prefix: from `from` up to before `to`
  std::int64_t limit = 0;               // 0: all
  std::int64_t revision = 0;            // 0: now
  bool with_values = false, keys_only = false, count_only = false;
  std::string sort;  // "", "key", "create", "mod", "version", "value"
  bool descending = false;
  std::string consistency;
};
int list(const Context& context, const ListOptions& options);

struct WatchOptions {
  std::string key;
  bool prefix = false, previous = false;
  std::optional<std::string> to;  // from the key up to before this one
  std::int64_t revision = 0;      // the first change wanted; 0: what comes next
  std::int64_t count = 0;         // then it ends; 0: never
  std::string only;               // "", "put", "delete"
  std::vector<std::string> command;
};
int watch(const Context& context, const WatchOptions& options);

struct HistoryOptions {
  std::string key;
  bool prefix = false;
  std::int64_t limit = 0;  // the newest; 0: all
};
int history(const Context& context, const HistoryOptions& options);

struct LeaseOptions {
  std::string action;  // grant, revoke, keep-alive, timetolive, list
  std::string what;    // a TTL, or an id
  bool once = false, keys = false;
};
int lease(const Context& context, const LeaseOptions& options);

struct LockOptions {
  std::string name;
  std::int64_t ttl_seconds = 30;
  std::vector<std::string> command;
};
int lock(const Context& context, const LockOptions& options);

struct ElectOptions {
  std::string name;
  std::optional<std::string> value;
  std::int64_t ttl_seconds = 30;
  bool listen = false;
};
int elect(const Context& context, const ElectOptions& options);

struct BatchOptions {
  std::string file;  // "" or "-": standard input
  std::string id;    // start of the idempotency keys: the same input with the same id applies once
  bool no_progress = false;
};
int batch(const Context& context, const BatchOptions& options);

int status(const Context& context);
int members(const Context& context);

struct MemberOptions {
  std::string action;  // list, add, remove, promote, update, replace
  std::string who;     // a name or an id; of add and update NAME=URL
  std::string by;      // of replace: NAME=URL
  bool learner = false, yes = false, dry_run = false;
  std::int64_t wait_seconds = 3600;  // until the new one of a replacement has caught up
};
int member(const Context& context, const MemberOptions& options);

struct UsersOptions {
  std::string command;  // auth, user, role
  std::string action;
  std::vector<std::string> words;  // behind it
  std::string password_file;
  bool no_password = false;
  bool prefix = false, from_key = false;
  std::string to;
};
int users(const Context& context, const UsersOptions& options);

struct DemoOptions {
  int nodes = 3;
  int port = 2379;       // the first one tried
  std::string exec;      // run this against the cluster and exit with its status
  std::string keep_dir;  // data directory that is kept
};
int demo(const Context& context, const DemoOptions& options);

int bench(const Context& context, const load::Options& options);

struct InspectOptions {
  std::string what;  // wal, snap
  std::string dir;
};
int inspect(const Context& context, const InspectOptions& options);

struct SnapshotOptions {
  std::string what;  // save, status, restore
  std::string file;
  bool force = false;  // save: over a file that is there
  bool mark_compacted = false;
  RestoreOrder restore;
};
int snapshot(const Context& context, const SnapshotOptions& options);

struct BackupOptions {
  std::string what;               // take, follow, list, drill, restore
  std::string where;              // a folder; of drill also a file
  std::string every;              // take, follow: again and again
  std::string sync_every = "1s";  // follow: what was written is durable
  std::int64_t keep = 24;         // take, follow: so many are left
  bool verify = false;            // list: each is read
  std::string at;                 // restore: a revision or a time
  bool mark_compacted = false;
  RestoreOrder restore;
};
int backup(const Context& context, const BackupOptions& options);

struct CertOptions {
  std::string what;  // ca, member, client
  std::string name, dir = ".", hosts;
  std::int64_t days = 0;  // 0: the usual
};
int cert(const Context& context, const CertOptions& options);

int version(const Context& context);

struct CompletionOptions {
  std::string shell;  // bash, zsh, fish
};
int completion(const Context& context, const CompletionOptions& options);

struct ManOptions {
  std::string page;  // empty: which there are
};
int man(const Context& context, const ManOptions& options);

}  // namespace cairn::cli
