#include "server/data_dir.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/reached.h"
#include "raft/members.h"
#include "server/newest_state.h"
#include "server/ownership.h"
#include "wal/identity.h"
#include "wal/snapshot_format.h"

namespace cairn::server {
namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool has_parent(const std::string& path) { return path != "." && path != "/"; }

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
  TRY(check_ownership(disk, {dir, wanted, start.bootstrap, start.name}));
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
  Bootstrap known = TRY(decode_bootstrap(found->bootstrap));
  TRY(wal::check_identity(dir, found->identity, wal::Identity{known.cluster_id, known.self}));
  TRY(check_ownership(disk, {dir, known, start.bootstrap, start.name}));
  if (found->is_damaged) {
    TRY(wal::renew_identity(disk, dir, *found));
    data->notes.push_back("one of the two copies in " + dir +
                          "/IDENTITY was damaged; both are written anew, and the damaged one is kept in " +
                          dir + "/quarantine");
  }
  // Who has joined goes by what it was told, which no flag says.
  if (!known.joins && (!start.bootstrap || *start.bootstrap != known)) {
    data->notes.push_back(
        "the flags about the initial cluster differ from those of the first start, which alone "
        "count; they are ignored");
  }
  return known;
}

constexpr const char* kDivergedFile = "/DIVERGED";

// Moves one file or folder to where evidence is kept; nothing if it is not there.
Status put_aside(io::Disk& disk, const std::string& dir, const std::string& name, const std::string& to) {
  if (!TRY(disk.exists(dir + "/" + name))) return {};
  return disk.rename(dir + "/" + name, to + "/" + name);
}

// Where it goes, of all those that were there before it.
Result<std::string> diverged_folder(io::Disk& disk, const std::string& dir) {
  const std::string first = dir + "/quarantine/diverged";
  std::string to = first;
  for (int copy = 2; TRY(disk.exists(to + "/wal")); ++copy) to = first + "." + std::to_string(copy);
  return to;
}

// The hard state stays, for its votes, and what lies aside is a whole directory only with it.
Status copy_aside(io::Disk& disk, const std::string& dir, const std::string& name, const std::string& to) {
  if (!TRY(disk.exists(dir + "/" + name))) return {};
  const auto from = TRY(disk.open(dir + "/" + name, io::OpenMode::read));
  std::vector<std::byte> bytes(TRY(from->size()));
  bytes.resize(TRY(from->read_at(0, bytes)));
  if (TRY(disk.exists(to + "/" + name))) TRY(disk.remove(to + "/" + name));  // half of it, before a crash
  const auto copy = TRY(disk.open(to + "/" + name, io::OpenMode::create));
  TRY(copy->write_at(0, bytes));
  return copy->sync();
}

// All goes that this member remembers but its votes, and the log finds that it is lost: the member is taken
// in again as one who has forgotten. The marker stays until that is durable: cut off by a crash, the next
// start begins with it once more.
//
// Nobody is asked first whether a majority has what this member gives up. It need not be: who has forgotten
// counts for nothing, so that where a majority has put its data aside those who are left elect nobody, commit
// nothing and record nobody (docs/adr/0013, 1 and 2). Nothing can take the place of what was acknowledged
// before what lies aside, which is all there was, has been put back.
Result<bool> put_diverged_aside(io::Disk& disk, const std::string& dir, DataDir* data) {
  if (!TRY(disk.exists(dir + kDivergedFile))) return false;
  const std::string quarantine = dir + "/quarantine";
  TRY(disk.make_dir(quarantine));
  const std::string to = TRY(diverged_folder(disk, dir));
  TRY(disk.make_dir(to));
  TRY(copy_aside(disk, dir, "hardstate", to));
  for (const char* name : {"snap", "watermark", "wal"}) TRY(put_aside(disk, dir, name, to));
  for (const std::string& changed : {to, quarantine, dir}) TRY(disk.sync_dir(changed));
  data->notes.push_back("E_DIVERGED: log and snapshots differed from the other members' and lie in " + to +
                        " now; this member has forgotten, and the others take it in again");
  return true;
}

// What no running member removes, renames or replaces.
constexpr const char* kStaysWhereItIs[] = {"IDENTITY", "hardstate", "watermark", "wal", "snap"};

// A directory of the first format has none; it remembers everything all the same.
Status take_incarnation(wal::Wal& log, raft::Incarnation fresh, raft::HardState* state) {
  state->life.incarnation = fresh;
  raft::LogWrite write;
  write.hard_state = *state;
  TRY(log.append(write));
  return log.sync();
}

// Both would go on side by side, each with half of what its owner believes to be one.
Status refuse_etcds(io::Disk& disk, const std::string& dir) {
  // Its log may lie elsewhere (--wal-dir); its database is always there.
  const bool is_etcds =
      disk.exists(dir + "/member/wal").value_or(false) || disk.exists(dir + "/member/snap").value_or(false);
  if (!is_etcds) return {};
  return fail(
      Code::failed_precondition,
      "E_ETCD: " + dir +
          " holds the data of an etcd, which cannot be read here and is left as it is: "
          "save a snapshot of that etcd with etcdctl, and make another folder of it with cairn snapshot "
          "restore");
}

Result<DataDir> open_now(io::Disk& disk, const std::string& dir, const Start& start,
                         wal::Options log_options) {
  if (!start.bootstrap && !TRY(disk.exists(dir + "/IDENTITY")))
    return tl::unexpected(start.bootstrap.error());
  TRY(refuse_etcds(disk, dir));
  DataDir data;
  TRY(make_dirs(disk, dir));
  data.lock = TRY(disk.lock(dir + "/LOCK"));
  data.bootstrap = TRY(identify(disk, dir, start, &data));
  const bool has_diverged = TRY(put_diverged_aside(disk, dir, &data));
  const wal::Identity identity{data.bootstrap.cluster_id, data.bootstrap.self};

  data.snapshot_disk = std::make_unique<PacedDisk>(disk);
  data.snapshots = TRY(wal::SnapshotStore::open(*data.snapshot_disk, dir));
  const Claim claim{dir, data.bootstrap, start.bootstrap, start.name};
  const auto is_ours = [&claim](const raft::SnapshotMeta& meta) {
    return check_snapshot_cluster(claim.dir + "/snap/" + wal::snapshot_name(meta), meta.members, claim);
  };
  NewestState newest = TRY(load_newest(*data.snapshots, claim.known, start.limits, is_ours, &data.notes));
  raft::Recovered& raft = data.recovered.raft;
  raft.snapshot = newest.meta;
  data.recovered.machine = std::move(newest.machine);

  // With nobody to ask, nothing can be got back: better to stop than to go on with less.
  const bool alone = raft::all_members(raft.snapshot.members) ==
                     std::vector<raft::NodeId>{raft::NodeId{data.bootstrap.self}};
  // Who has diverged has others to ask: from whom else.
  log_options.on_loss = alone && !has_diverged ? wal::OnLoss::refuse : wal::OnLoss::forget;
  log_options.fresh = raft::Incarnation{start.random | 1U};
  log_options.was_there = start.was_there;
  wal::Wal::Opened opened = TRY(wal::Wal::open(disk, dir, identity, raft.snapshot, log_options));
  if (has_diverged) {
    TRY(disk.remove(dir + kDivergedFile));
    TRY(disk.sync_dir(dir));
  }
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
  for (const char* name : kStaysWhereItIs) TRY(data.lock->watch(name));
  return data;
}

// What comes of doing as it says, which whoever looks at one file cannot know.
Error with_consequence(Error error, const std::string& dir) {
  if (error.code != io::kMisplaced || error.message.starts_with("E_")) return error;
  REACHED("server.data_dir.misplaced");
  error.message = "E_MISPLACED: " + dir + " cannot be used: " + error.message +
                  ". What is moved away counts as lost: a member of several gets it back from the others, a "
                  "single one has nobody to ask";
  return error;
}

}  // namespace

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

Result<DataDir> open_data_dir(io::Disk& disk, const std::string& dir, const Start& start,
                              wal::Options log_options) {
  Result<DataDir> data = open_now(disk, dir, start, log_options);
  if (!data) return tl::unexpected(with_consequence(std::move(data.error()), dir));
  return data;
}

Result<std::string> note_divergence(io::Disk& disk, const std::string& dir, const std::string& why) {
  const auto file = TRY(disk.open(dir + kDivergedFile, io::OpenMode::create));
  TRY(file->write_at(0, std::as_bytes(std::span(why))));
  TRY(file->sync());
  TRY(disk.sync_dir(dir));
  return diverged_folder(disk, dir);
}

}  // namespace cairn::server
