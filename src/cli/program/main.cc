#include <csignal>
#include <iostream>

#include "cli/cli.h"
#include "server/run.h"

int main(int argc, char** argv) {
  // A reader that leaves early (`cairn ls | head`) shows as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
  return cairn::cli::run_cli({argv + 1, argv + argc}, std::cin, std::cout, std::cerr, cairn::server::run);
}
