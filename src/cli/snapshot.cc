// snapshot: backups of a whole cluster as files of etcd's: saved from a member, looked at, laid down as the
// data directory of a new member.
#include <ostream>

#include "base/hex_id.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/restoring.h"
#include "cli/saving.h"
#include "io/posix_disk.h"

namespace cairn::cli {
namespace {

int refuse_file(const Context& context, const Error& error) {
  return report(context, exit_code_of_file(error), error.message);
}

// From the directory of a stopped member.
int rescue(const Context& context, io::Disk& disk, const SnapshotOptions& options) {
  const std::string& dir = options.restore.data_dir;
  if (context.backups == nullptr) return report(context, kExitInternal, "this program reads no directories");
  if (const std::string holder = io::lock_holder(dir + "/LOCK"); !holder.empty())
    return report(context, kExitLocalIo, dir + " is in use by a running member: " + holder,
                  "leave out --data-dir, and a member gives its state while it serves");
  std::uint64_t size_bytes = 0;
  const auto rescued = rescue_backup(context, disk, dir, options.file, &size_bytes);
  if (!rescued) return refuse_file(context, rescued.error());
  for (const std::string& note : rescued->notes) context.err << "note: " << note << "\n";
  if (context.format == Format::json) {
    context.out << Json({{"file", options.file},
                         {"size_bytes", size_bytes},
                         {"from", dir},
                         {"term", rescued->term},
                         {"index", rescued->index},
                         {"revision", rescued->revision},
                         {"damage", rescued->notes}})
                       .dump()
                << "\n";
    return kExitOk;
  }
  context.err << "saved " << options.file << ", " << in_units(size_bytes) << ", from " << dir << ": term "
              << rescued->term << ", index " << rescued->index << ", revision " << rescued->revision << "\n";
  return kExitOk;
}

int save(const Context& context, const SnapshotOptions& options) {
  io::PosixDisk disk;
  const auto exists = disk.exists(options.file);
  if (!exists) return refuse_file(context, exists.error());
  if (*exists && !options.force)
    return report(context, kExitUsage, options.file + " is there already",
                  "name another file, or replace it with --force");
  if (!options.restore.data_dir.empty()) return rescue(context, disk, options);
  const SaveEnd end = save_backup(context, disk, options.file);
  if (end.exit_code != kExitOk) return report(context, end.exit_code, end.message, end.hint);
  if (context.format == Format::json)
    context.out << Json({{"file", options.file}, {"size_bytes", end.size_bytes}, {"from", end.from}}).dump()
                << "\n";
  else
    context.err << "saved " << options.file << ", " << in_units(end.size_bytes) << ", from " << end.from
                << "\n";
  return kExitOk;
}

std::string hex32(std::uint32_t number) { return hex_id(number).substr(8); }

Json to_json(const BackupFacts& facts) {
  return {{"hash", hex32(facts.hash)}, {"revision", facts.revision},
          {"keys", facts.keys},        {"compact_revision", facts.compact_revision},
          {"records", facts.records},  {"leases", facts.leases},
          {"users", facts.users},      {"size_bytes", facts.size_bytes}};
}

int look(const Context& context, const SnapshotOptions& options) {
  const auto facts = context.backups->look(options.file, options.restore.skip_hash_check);
  if (!facts) return refuse_file(context, facts.error());
  if (context.format == Format::json) {
    context.out << to_json(*facts).dump() << "\n";
    return kExitOk;
  }
  const std::vector<std::string> row = {hex32(facts->hash),
                                        std::to_string(facts->revision),
                                        std::to_string(facts->keys),
                                        std::to_string(facts->records),
                                        std::to_string(facts->leases),
                                        in_units(facts->size_bytes)};
  const std::vector<std::string> heads = {"HASH", "REVISION", "KEYS", "RECORDS", "LEASES", "SIZE"};
  if (context.format == Format::table) {
    context.out << table({heads, row});
    return kExitOk;
  }
  std::vector<std::vector<std::string>> lines;
  for (std::size_t i = 0; i < row.size(); ++i) lines.push_back({heads[i], row[i]});
  context.out << table(lines);
  return kExitOk;
}

int lay_down(const Context& context, const SnapshotOptions& options) {
  RestoreOrder order = options.restore;
  order.file = options.file;
  if (const int code = check_order(context, "snapshot restore", order, options.mark_compacted);
      code != kExitOk)
    return code;
  const auto restored = context.backups->restore(order);
  return restored ? say_restored(context, order, *restored) : refuse_restoring(context, restored.error());
}

}  // namespace

int check_order(const Context& context, const char* command, const RestoreOrder& order, bool mark_compacted) {
  if (order.data_dir.empty())
    return report(context, kExitUsage, std::string(command) + ": --data-dir is missing",
                  "name the directory to be made, as the member will get it");
  if ((order.bump_revision > 0) != mark_compacted)
    return report(context, kExitUsage, "--bump-revision and --mark-compacted go together",
                  "revisions that are left out were never there: watches from before have to begin anew");
  return kExitOk;
}

int refuse_restoring(const Context& context, const Error& error) {
  return error.code == Code::invalid_argument ? report(context, kExitUsage, error.message)
                                              : refuse_file(context, error);
}

int say_restored(const Context& context, const RestoreOrder& order, const Restored& restored) {
  if (context.format == Format::json) {
    Json json = to_json(restored.facts);
    json["data_dir"] = order.data_dir;
    json["cluster_id"] = hex_id(restored.cluster_id);
    json["member_id"] = hex_id(restored.member_id);
    json["members"] = restored.members;
    context.out << json.dump() << "\n";
    return kExitOk;
  }
  context.err << "restored " << order.data_dir << ": revision " << restored.facts.revision << ", "
              << restored.facts.keys << " keys, " << restored.facts.leases << " leases, one of "
              << restored.members.size() << " members\n";
  return kExitOk;
}

int snapshot(const Context& context, const SnapshotOptions& options) {
  if (options.what == "save") return save(context, options);
  if (context.backups == nullptr) return report(context, kExitInternal, "this program reads no backups");
  return options.what == "status" ? look(context, options) : lay_down(context, options);
}

}  // namespace cairn::cli
