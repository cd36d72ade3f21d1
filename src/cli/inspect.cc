// inspect: the files of a stopped member, read without changing them.
#include "wal/inspect.h"

#include <ostream>

#include "cli/commands.h"
#include "io/posix_disk.h"

namespace cairn::cli {

int inspect(const Context& context, const InspectOptions& options) {
  io::PosixDisk disk;
  const wal::InspectSink sink{[&](std::string_view line) { context.out << line << "\n"; },
                              context.format == Format::json};
  const Result<bool> damaged = options.what == "wal" ? wal::inspect_wal(disk, options.dir, sink)
                                                     : wal::inspect_snapshots(disk, options.dir, sink);
  if (!damaged)
    return report(context, kExitLocalIo, damaged.error().message, "DIR is what the member got as --data-dir");
  if (*damaged) return report(context, kExitNegative, "damage was found: see above");
  return kExitOk;
}

}  // namespace cairn::cli
