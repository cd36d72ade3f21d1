// Following: a folder of backups that has every change since, too: a backup is taken when there is none, or
// the newest is old, and all changes behind it are written down as they happen (docs/format/archive.md).
#pragma once

#include "cli/backup_folder.h"

namespace cairn::cli {

// Until somebody ends it; the exit status. Nothing is done twice or left out when it is started again.
int follow(const Context& context, const BackupOptions& options);

}  // namespace cairn::cli
