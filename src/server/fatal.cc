#include "server/fatal.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>

#include "base/on_check_failed.h"
#include "io/disk.h"
#include "observe/log.h"

namespace cairn::server {

namespace {

constexpr char kNextAfterAbort[] =
    "a restart recovers what was synced; please report this line and the ones before it";

void report_check(const char* file, int line, const char* what) {
  log_error("stopping: an invariant of this program is broken",
            {{"invariant", what}, {"next", kNextAfterAbort}}, file, line);
}

[[noreturn]] void report_exception() {
  std::string what = "unknown";
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
  }
  log_error("stopping: an exception that nobody caught", {{"error", what}, {"next", kNextAfterAbort}});
  std::abort();
}

}  // namespace

void log_before_aborting() {
  on_check_failed(report_check);
  std::set_terminate(report_exception);
}

int exit_after_opening(const Error& error) {
  return error.code == Code::internal || io::is_shortage(error) ? kExitDisk : kExitLocal;
}

std::string way_out_of_opening(const Error& error) {
  if (error.code == io::kFull)
    return "make room on the disk of --data-dir, which a start needs, and start again; nothing is lost";
  if (error.code == io::kPassing)
    return "start again; if it lasts, look at the limits of this process (open files, memory) and of the "
           "machine";
  // What owner and mode forbid says itself whose it is: src/io/posix_disk.cc.
  const auto says = [&error](const char* what) { return error.message.find(what) != std::string::npos; };
  if (says("Operation not permitted"))
    return "it, or the folder that it is in, may have been made immutable: look with lsattr, take that away "
           "with "
           "chattr -i, and start again";
  if (says("Read-only file system"))
    return "mount the file system of --data-dir for writing, and start again";
  return "";
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
