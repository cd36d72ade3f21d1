// The command line that repeats a write once: as a shell takes it, with its idempotency key. Pure.
#pragma once

#include <string>
#include <vector>

namespace cairn::cli {

std::string shell_quoted(const std::string& word);
// `args` as given; what they read from standard input has to be given again.
std::string repeat_command(const std::vector<std::string>& args, const std::string& id);

}  // namespace cairn::cli
