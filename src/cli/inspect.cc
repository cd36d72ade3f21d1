// inspect: the files of a stopped member, read without changing them.
#include "wal/inspect.h"

#include <ostream>
#include <string>

#include "cli/commands.h"
#include "cli/log_entry.h"
#include "io/posix_disk.h"

namespace cairn::cli {
namespace {

int refuse_held(const Context& context, const std::string& message, const std::string& holder) {
  return report(context, kExitLocalIo, message + holder,
                "stop that member first (kill -TERM ends one in order), or look at a copy of the directory");
}

}  // namespace

int inspect(const Context& context, const InspectOptions& options) {
  // A running member writes meanwhile: half of what is seen would look like damage.
  const std::string lock = options.dir + "/LOCK";
  if (const std::string holder = io::lock_holder(lock); !holder.empty())
    return refuse_held(context, options.dir + " is in use by a running member: ", holder);
  io::PosixDisk disk;
  const bool json = context.format == Format::json;
  const wal::InspectSink sink{[&](std::string_view line) { context.out << line << "\n"; }, json,
                              [&](const raft::Entry& entry) {
                                context.out << (json ? entry_to_json(entry).dump() : entry_to_text(entry))
                                            << "\n";
                              }};
  const Result<bool> damaged = options.what == "wal" ? wal::inspect_wal(disk, options.dir, sink)
                                                     : wal::inspect_snapshots(disk, options.dir, sink);
  if (const std::string holder = io::lock_holder(lock); !holder.empty())
    return refuse_held(context,
                       "a member was started in " + options.dir + " meanwhile, look again: ", holder);
  if (!damaged)
    return report(context, kExitLocalIo, damaged.error().message, "DIR is what the member got as --data-dir");
  if (*damaged) return report(context, kExitNegative, "damage was found: see above");
  return kExitOk;
}

}  // namespace cairn::cli
