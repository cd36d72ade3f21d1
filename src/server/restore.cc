#include "server/restore.h"

#include <xxhash.h>

#include <utility>
#include <vector>

#include "base/codec.h"
#include "raft/log.h"
#include "raft/members.h"
#include "server/archived.h"
#include "server/backup_file.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "wal/format.h"
#include "wal/identity.h"
#include "wal/snapshot_store.h"
#include "wal/wal.h"

namespace cairn::server {
namespace {

constexpr raft::Index kFoundedAt{1};
constexpr raft::Term kFoundedIn{1};

Result<Bootstrap> bootstrap_of(const RestoreOrder& order) {
  std::vector<std::string> args;
  const auto add = [&args](const char* flag, const std::string& value) {
    if (!value.empty()) args.insert(args.end(), {flag, value});
  };
  add("--name", order.name);
  add("--initial-cluster", order.initial_cluster);
  add("--initial-cluster-token", order.initial_cluster_token);
  add("--initial-advertise-peer-urls", order.initial_advertise_peer_urls);
  return bootstrap_from(TRY(parse(args, {})));
}

// Each member's is known to the others, who are not asked. Another file or another token makes another one:
// whoever has lived in an earlier cluster of these members is nobody in this one.
raft::Incarnation incarnation_of(const std::string& digest, const RestoreOrder& order,
                                 const Bootstrap& cluster, std::uint64_t member) {
  std::string bytes = digest;
  codec::put_fixed(&bytes, order.import.bump_revision);
  if (order.import.revision > 0) codec::put_fixed(&bytes, order.import.revision);
  codec::put_fixed(&bytes, cluster.cluster_id);
  codec::put_fixed(&bytes, member);
  return raft::Incarnation{XXH3_64bits(bytes.data(), bytes.size()) | 1U};
}

raft::Members founded(const std::string& digest, const RestoreOrder& order, const Bootstrap& bootstrap) {
  raft::Members members = raft_members(bootstrap);
  std::vector<raft::Recorded> founders;
  for (const raft::NodeId id : members.voters)
    founders.push_back({id, incarnation_of(digest, order, bootstrap, id.v), true});
  raft::found(&members, founders);
  return members;
}

mvcc::MemberMap member_map(const Bootstrap& bootstrap) {
  mvcc::MemberMap members;
  for (mvcc::MemberInfo& info : member_infos(bootstrap)) {
    const std::uint64_t id = info.id;
    members.emplace(id, std::move(info));
  }
  return members;
}

// A log with the entry that founds the cluster, in a life that is full: everybody has been on the ballot.
Status lay_log(io::Disk& disk, const std::string& dir, const Bootstrap& bootstrap,
               const raft::Entry& founding, raft::Incarnation incarnation, std::uint64_t founded) {
  wal::Options options;
  options.fresh = incarnation;
  wal::Wal::Opened opened =
      TRY(wal::Wal::open(disk, dir, {bootstrap.cluster_id, bootstrap.self}, raft::SnapshotMeta{}, options));
  raft::LogWrite write;
  write.hard_state = opened.hard_state;
  write.hard_state->term = kFoundedIn;
  write.hard_state->life.incarnation = incarnation;
  write.hard_state->life.full = true;
  write.hard_state->life.founded = founded;
  write.entries = {founding};
  TRY(opened.wal->append(write));
  TRY(opened.wal->sync());
  TRY(opened.wal->note_durable());
  return opened.wal->close();
}

// What is restored: a backup, and what was written since; and what tells it from any other.
struct Source {
  std::unique_ptr<BackupFile> file;
  std::unique_ptr<Archived> since;  // null: nothing
  std::string digest;
};

Result<Source> open_source(io::Disk& disk, const RestoreOrder& order) {
  Source source;
  source.file = TRY(BackupFile::open(disk, order.file, order.skip_hash_check));
  source.digest = source.file->digest();
  if (order.archives.empty()) return source;
  if (order.import.revision < 1)
    return fail(Code::invalid_argument, "archives are applied up to a revision, and none is named");
  source.since = std::make_unique<Archived>(disk, order.archives, order.import.revision);
  source.digest += TRY(source.since->digest());
  return source;
}

Result<Restored> lay_down(io::Disk& disk, const std::string& dir, const Source& source,
                          const RestoreOrder& order, const Bootstrap& bootstrap) {
  const auto lock = TRY(disk.lock(dir + "/LOCK"));
  const raft::Members members = founded(source.digest, order, bootstrap);
  const raft::Entry founding{kFoundedIn, kFoundedAt, raft::EntryType::members, raft::encode(members)};
  raft::LogTail log(raft::SnapshotMeta{}, {}, wal::hash_of);
  log.append(founding);

  Restored restored;
  restored.bootstrap = bootstrap;
  const auto store = TRY(wal::SnapshotStore::open(disk, dir));
  const auto writer = TRY(store->create({kFoundedAt, kFoundedIn, members, log.chain_at(kFoundedAt)}));
  restored.facts = TRY(mvcc::import_etcd_file(source.file.get(), order.import, member_map(bootstrap),
                                              writer.get(), source.since.get()));
  TRY(writer->publish());
  TRY(lay_log(disk, dir, bootstrap, founding,
              raft::recorded(members, raft::NodeId{bootstrap.self})->incarnation, members.founded));
  TRY(wal::create_identity(disk, dir,
                           {.identity = {bootstrap.cluster_id, bootstrap.self},
                            .created_unix_ms = static_cast<std::uint64_t>(order.unix_ms),
                            .bootstrap = encode_bootstrap(bootstrap)}));
  TRY(disk.sync_dir(dir));
  return restored;
}

// What this attempt has made. What cannot be removed stays: it is in nobody's way but the next attempt's.
void remove_tree(io::Disk& disk, const std::string& path) {
  if (disk.remove(path)) return;
  const auto names = disk.list(path);
  if (!names) return;
  for (const std::string& name : *names) remove_tree(disk, path + "/" + name);
  (void)disk.remove(path);
}

Status check_is_free(io::Disk& disk, const std::string& dir) {
  if (dir.empty()) return fail(Code::invalid_argument, "no data directory is named");
  if (!TRY(disk.exists(dir))) return {};
  const auto names = TRY(disk.list(dir));
  if (names.empty()) return {};
  return fail(Code::failed_precondition, dir +
                                             " is not empty: what is there stays as it is; name another one, "
                                             "or move it away");
}

}  // namespace

Result<Restored> restore(io::Disk& disk, const RestoreOrder& order) {
  std::string dir = order.data_dir;
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  TRY(check_is_free(disk, dir));
  const Bootstrap bootstrap = TRY(bootstrap_of(order));
  const Source source = TRY(open_source(disk, order));

  // Under another name until it is whole.
  const std::string unfinished = dir + ".restoring";
  if (TRY(disk.exists(unfinished)))
    return fail(Code::failed_precondition,
                unfinished + " is left of a restore that was cut off, or of one that goes on: remove it");
  TRY(make_dirs(disk, unfinished));
  auto restored = lay_down(disk, unfinished, source, order, bootstrap);
  if (!restored) {
    remove_tree(disk, unfinished);
    return restored;
  }
  if (TRY(disk.exists(dir))) TRY(disk.remove(dir));
  TRY(disk.rename(unfinished, dir));
  TRY(sync_parents(disk, dir));
  return restored;
}

}  // namespace cairn::server
