#include "server/fatal.h"

#include <unistd.h>

#include "observe/log.h"

namespace cairn::server {

void stop_for_disk_error(const std::string& what, const Error& error) {
  log_error("stopping: a durable write failed",
            {{"while", what},
             {"error", error.message},
             {"next", "check the disk; a restart recovers what was synced"}});
  ::_exit(kExitDisk);
}

}  // namespace cairn::server
