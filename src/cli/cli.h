// The command line, as a function: arguments and streams in, exit code out.
// Data goes to `out`, everything else to `err`; no escape codes unless `err` is a terminal.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace cairn::cli {

// Part of the interface: scripts decide by them.
enum ExitCode : int {
  kExitOk = 0,
  kExitNegative = 1,     // key missing, compare failed, unhealthy
  kExitUsage = 2,        // arguments or input that can never work
  kExitUnreachable = 3,  // nobody answers, no leader, no answer in time
  kExitRefused = 4,      // the server says no
  kExitLocalIo = 5,      // a file or process of this machine
  kExitInternal = 70,
  kExitInterrupted = 130,
};

struct BackupTools;

using ServerMain = int (*)(const std::vector<std::string>& args);

// `args` without the program's name. `server` runs a member: the command of that name hands over to it.
// `backups`: what reads and restores their files; null: there is none of that.
int run_cli(const std::vector<std::string>& args, std::istream& in, std::ostream& out, std::ostream& err,
            ServerMain server, const BackupTools* backups = nullptr);

}  // namespace cairn::cli
