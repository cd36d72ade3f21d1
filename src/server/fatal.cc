#include "server/fatal.h"

#include <unistd.h>

#include "io/disk.h"
#include "observe/log.h"

namespace cairn::server {

int exit_after_opening(const Error& error) {
  return error.code == Code::internal || io::is_shortage(error) ? kExitDisk : kExitLocal;
}

void stop_for_disk_error(const std::string& what, const Error& error) {
  log_error("stopping: a durable write failed",
            {{"while", what},
             {"error", error.message},
             {"next", "check the disk; a restart recovers what was synced"}});
  ::_exit(kExitDisk);
}

void stop_for_lost_directory(const Error& error) {
  log_error(
      "stopping: E_DATA_DIR_LOST: the data directory was taken away from under this member",
      {{"why", error.message},
       {"next",
        "put it back if it was moved or unmounted, and start again; if it was deleted, start again all the "
        "same: a member of several is taken in again by the others, a single one has lost all its data "
        "and begins with none"}});
  ::_exit(kExitLostDirectory);
}

}  // namespace cairn::server
