// Completions: what a shell needs to complete the command line, made of its tree. A script for each shell,
// with all that it offers in it: nothing is run, or asked of a cluster, while somebody types.
#pragma once

#include <string>
#include <vector>

#include "cli/tree.h"

namespace cairn::cli {

std::string bash_completion(const std::vector<Command>& commands);
std::string zsh_completion(const std::vector<Command>& commands);
std::string fish_completion(const std::vector<Command>& commands);

}  // namespace cairn::cli
