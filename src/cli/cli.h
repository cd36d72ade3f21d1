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

// A setting of a member, for the help, the completions and the manual.
struct ServerFlag {
  std::string name;  // without dashes
  std::string fallback, help;
  bool toggle = false;  // takes no word behind it
};
using ServerFlags = std::vector<ServerFlag> (*)();

// What the program has of the server.
struct ServerTools {
  ServerMain run = nullptr;              // a member: the command server
  ServerMain config = nullptr;           // the command config
  const BackupTools* backups = nullptr;  // what reads and restores their files; null: there is none of that
  ServerFlags flags = nullptr;           // those of the command server; null: there is none
};

// `args` without the program's name.
int run_cli(const std::vector<std::string>& args, std::istream& in, std::ostream& out, std::ostream& err,
            const ServerTools& server);

}  // namespace cairn::cli
