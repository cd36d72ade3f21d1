#include "server/data_dir.h"

#include <algorithm>
#include <span>
#include <utility>

#include "observe/log.h"
#include "raft/members.h"
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

// Started under the name of another member of its cluster: somebody else's disk.
Status check_name(const std::string& dir, const Bootstrap& known, const std::string& name) {
  for (const BootstrapMember& member : known.members) {
    if (member.name != name || member.id == known.self) continue;
    const auto self = std::find_if(known.members.begin(), known.members.end(),
                                   [&](const BootstrapMember& each) { return each.id == known.self; });
    return fail(Code::failed_precondition,
                "E_IDENTITY: " + dir + " belongs to member " +
                    (self == known.members.end() ? log_id(known.self) : self->name) +
                    " of this cluster, not to " + name + "; is this the right disk?");
  }
  return {};
}

wal::IdentityFile identity_of(const Bootstrap& bootstrap, const Start& start) {
  return {.identity = {bootstrap.cluster_id, bootstrap.self},
          .created_unix_ms = static_cast<std::uint64_t>(start.unix_ms),
          .bootstrap = encode_bootstrap(bootstrap)};
}

// No identity: a first start, or the file is lost or damaged in both copies. Then the flags are asked once
// more, and written once the log has opened: all of that names its owner, and refuses another member's flags.
Result<Bootstrap> identify_by_flags(io::Disk& disk, const std::string& dir, const Start& start,
                                    const Error& why, DataDir* data) {
  const bool is_damaged = why.code == Code::data_loss;
  if (!is_damaged && why.code != Code::not_found) return tl::unexpected(why);
  if (is_damaged && !start.bootstrap) return tl::unexpected(why);
  const Bootstrap wanted = TRY(start.bootstrap);
  data->first_start = !is_damaged && !TRY(disk.exists(dir + "/wal"));
  if (data->first_start) {
    TRY(sync_parents(disk, dir));
    TRY(wal::create_identity(disk, dir, identity_of(wanted, start)));
    return wanted;
  }
  data->notes.push_back((is_damaged ? why.message : "E_IDENTITY: " + dir + "/IDENTITY is missing") +
                        "; it is written anew from the flags");
  return wanted;
}

Status write_lost_identity(io::Disk& disk, const std::string& dir, const wal::IdentityFile& content) {
  const Result<wal::IdentityFile> found = wal::read_identity(disk, dir);
  if (found) return {};
  if (found.error().code == Code::not_found) return wal::create_identity(disk, dir, content);
  return wal::renew_identity(disk, dir, content);
}

// Who the directory says this member is. The flags of its first start count, and no later ones.
Result<Bootstrap> identify(io::Disk& disk, const std::string& dir, const Start& start, DataDir* data) {
  Result<wal::IdentityFile> found = wal::read_identity(disk, dir);
  if (!found) return identify_by_flags(disk, dir, start, found.error(), data);
  if (found->is_damaged) {
    TRY(wal::renew_identity(disk, dir, *found));
    data->notes.push_back("one of the two copies in " + dir +
                          "/IDENTITY was damaged; both are written anew, and the damaged one is kept in " +
                          dir + "/quarantine");
  }
  Bootstrap known = TRY(decode_bootstrap(found->bootstrap));
  TRY(wal::check_identity(dir, found->identity, wal::Identity{known.cluster_id, known.self}));
  TRY(check_name(dir, known, start.name));
  if (!start.bootstrap || *start.bootstrap != known) {
    data->notes.push_back(
        "the flags about the initial cluster differ from those of the first start, which alone "
        "count; they are ignored");
  }
  return known;
}

// The newest snapshot that can be read. Damaged ones stay where they are until it is durable what follows
// from that.
struct Loaded {
  raft::SnapshotMeta meta;
  std::unique_ptr<mvcc::StateMachine> machine;
  std::vector<raft::SnapshotMeta> damaged;
};

Result<Loaded> load_newest(wal::SnapshotStore& store, const Bootstrap& bootstrap, const mvcc::Limits& limits,
                           DataDir* data) {
  Loaded loaded;
  for (const wal::DamagedSnapshot& each : store.damaged()) {
    loaded.damaged.push_back(each.meta);
    data->notes.push_back(each.why.message);
  }
  for (const wal::SnapshotInfo& candidate : store.candidates()) {
    auto machine = [&]() -> Result<std::unique_ptr<mvcc::StateMachine>> {
      ReadAhead source(TRY(store.read(candidate.meta)));
      return mvcc::StateMachine::load(&source, limits);
    }();
    if (machine) {
      loaded.meta = candidate.meta;
      loaded.machine = std::move(*machine);
      return loaded;
    }
    if (machine.error().code != Code::data_loss) return tl::unexpected(machine.error());
    loaded.damaged.push_back(candidate.meta);
    data->notes.push_back(machine.error().message);
  }
  loaded.meta.members = raft_members(bootstrap);
  loaded.machine = std::make_unique<mvcc::StateMachine>(member_infos(bootstrap), limits);
  return loaded;
}

constexpr const char* kDivergedFile = "/DIVERGED";

// Moves one file or folder to where evidence is kept; nothing if it is not there.
Status put_aside(io::Disk& disk, const std::string& dir, const std::string& name, const std::string& to) {
  if (!TRY(disk.exists(dir + "/" + name))) return {};
  return disk.rename(dir + "/" + name, to + "/" + name);
}

// All goes that this member remembers, so that it is taken in again as one who has forgotten. Cut off by a
// crash, the next start goes on with it.
Status put_diverged_aside(io::Disk& disk, const std::string& dir, DataDir* data) {
  const std::string marker = dir + kDivergedFile;
  if (!TRY(disk.exists(marker))) return {};
  const std::string quarantine = dir + "/quarantine";
  TRY(disk.make_dir(quarantine));
  std::string to = quarantine + "/diverged";
  for (int copy = 2; TRY(disk.exists(to + "/wal")); ++copy)
    to = quarantine + "/diverged." + std::to_string(copy);
  TRY(disk.make_dir(to));
  for (const char* name : {"snap", "watermark", "hardstate", "wal"}) TRY(put_aside(disk, dir, name, to));
  for (const std::string& changed : {to, quarantine, dir}) TRY(disk.sync_dir(changed));
  TRY(disk.remove(marker));
  TRY(disk.sync_dir(dir));
  data->notes.push_back("E_DIVERGED: log and snapshots differed from the other members' and lie in " + to +
                        " now; this member has forgotten, and the others take it in again");
  return {};
}

// A directory of the first format has none; it remembers everything all the same.
Status take_incarnation(wal::Wal& log, raft::Incarnation fresh, raft::HardState* state) {
  state->life.incarnation = fresh;
  raft::LogWrite write;
  write.hard_state = *state;
  TRY(log.append(write));
  return log.sync();
}

}  // namespace

Result<DataDir> open_data_dir(io::Disk& disk, const std::string& dir, const Start& start,
                              wal::Options log_options) {
  if (!start.bootstrap && !TRY(disk.exists(dir + "/IDENTITY")))
    return tl::unexpected(start.bootstrap.error());
  DataDir data;
  TRY(make_dirs(disk, dir));
  data.lock = TRY(disk.lock(dir + "/LOCK"));
  data.bootstrap = TRY(identify(disk, dir, start, &data));
  TRY(put_diverged_aside(disk, dir, &data));
  const wal::Identity identity{data.bootstrap.cluster_id, data.bootstrap.self};

  data.snapshot_disk = std::make_unique<PacedDisk>(disk);
  data.snapshots = TRY(wal::SnapshotStore::open(*data.snapshot_disk, dir));
  Loaded newest = TRY(load_newest(*data.snapshots, data.bootstrap, start.limits, &data));
  raft::Recovered& raft = data.recovered.raft;
  raft.snapshot = newest.meta;
  data.recovered.machine = std::move(newest.machine);

  // With nobody to ask, nothing can be got back: better to stop than to go on with less.
  const bool alone = raft::all_members(raft.snapshot.members).size() < 2;
  log_options.on_loss = alone ? wal::OnLoss::refuse : wal::OnLoss::forget;
  log_options.fresh = raft::Incarnation{start.random | 1U};
  wal::Wal::Opened opened = TRY(wal::Wal::open(disk, dir, identity, raft.snapshot, log_options));
  TRY(write_lost_identity(disk, dir, identity_of(data.bootstrap, start)));
  data.log = std::move(opened.wal);
  if (opened.hard_state.life.incarnation.v == 0)
    TRY(take_incarnation(*data.log, log_options.fresh, &opened.hard_state));
  data.report = opened.report;
  raft.hard_state = opened.hard_state;
  raft.entries = std::move(opened.entries);
  // It is durable by now what they made this member forget.
  for (const raft::SnapshotMeta& damaged : newest.damaged)
    data.notes.push_back("a damaged snapshot was put aside: " + TRY(data.snapshots->put_aside(damaged)));
  return data;
}

Status note_divergence(io::Disk& disk, const std::string& dir, const std::string& why) {
  const auto file = TRY(disk.open(dir + kDivergedFile, io::OpenMode::create));
  TRY(file->write_at(0, std::as_bytes(std::span(why))));
  TRY(file->sync());
  return disk.sync_dir(dir);
}

}  // namespace cairn::server
