#include "server/data_dir.h"

#include <utility>

#include "server/read_ahead.h"
#include "wal/identity.h"

namespace cairn::server {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool has_parent(const std::string& path) { return path != "." && path != "/"; }

Status make_dirs(io::Disk& disk, const std::string& dir) {
  if (!has_parent(dir) || TRY(disk.exists(dir))) return {};
  TRY(make_dirs(disk, parent_of(dir)));
  return disk.make_dir(dir);
}

// A created name is durable only once its parent is synced: without that, a power cut after the first votes
// could leave no directory at all, and the member would vote again. All parents, as an earlier start may have
// been killed after it created one; up to the first that is not ours to read, which was there before.
Status sync_parents(io::Disk& disk, std::string dir) {
  for (; has_parent(dir); dir = parent_of(dir)) {
    const Status synced = disk.sync_dir(parent_of(dir));
    if (!synced && synced.error().code == Code::permission_denied) return {};
    TRY(synced);
  }
  return {};
}

Result<Bootstrap> identify(io::Disk& disk, const std::string& dir, const Bootstrap& wanted,
                           std::int64_t now_unix_ms, bool* first_start) {
  const wal::Identity identity{wanted.cluster_id, wanted.self};
  Result<wal::IdentityFile> found = wal::read_identity(disk, dir);
  if (!found && found.error().code == Code::not_found) {
    *first_start = true;
    TRY(sync_parents(disk, dir));
    TRY(wal::create_identity(disk, dir,
                             {.identity = identity,
                              .created_unix_ms = static_cast<std::uint64_t>(now_unix_ms),
                              .bootstrap = encode_bootstrap(wanted)}));
    return wanted;
  }
  if (!found) return tl::unexpected(found.error());
  TRY(wal::check_identity(dir, found->identity, identity));
  return decode_bootstrap(found->bootstrap);
}

}  // namespace

Result<DataDir> open_data_dir(io::Disk& disk, const std::string& dir, const Bootstrap& wanted,
                              std::int64_t now_unix_ms, wal::Options log_options) {
  DataDir data;
  TRY(make_dirs(disk, dir));
  data.lock = TRY(disk.lock(dir + "/LOCK"));
  data.bootstrap = TRY(identify(disk, dir, wanted, now_unix_ms, &data.first_start));
  const wal::Identity identity{data.bootstrap.cluster_id, data.bootstrap.self};

  data.snapshot_disk = std::make_unique<PacedDisk>(disk);
  data.snapshots = TRY(wal::SnapshotStore::open(*data.snapshot_disk, dir));
  raft::Recovered& raft = data.recovered.raft;
  if (const auto newest = data.snapshots->newest()) {
    raft.snapshot = newest->meta;
    ReadAhead source(TRY(data.snapshots->read(newest->meta)));
    data.recovered.machine = TRY(mvcc::StateMachine::load(&source));
  } else {
    raft.snapshot.members = raft_members(data.bootstrap);
    data.recovered.machine = std::make_unique<mvcc::StateMachine>(member_infos(data.bootstrap));
  }
  wal::Wal::Opened opened = TRY(wal::Wal::open(disk, dir, identity, raft.snapshot, log_options));
  data.log = std::move(opened.wal);
  data.report = opened.report;
  raft.hard_state = opened.hard_state;
  raft.entries = std::move(opened.entries);
  return data;
}

}  // namespace cairn::server
