// run: one member as a process: configuration, recovery, threads, wiring, signals, shutdown.
#pragma once

#include <string>
#include <vector>

namespace cairn::server {

// `args` are those after "server". Returns the process's exit code; errors have been printed to stderr.
int run(const std::vector<std::string>& args);

}  // namespace cairn::server
