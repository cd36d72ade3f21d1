// cairn config: what a start with these flags would go by, and whether it would be refused.
#pragma once

#include <string>
#include <vector>

#include "server/config.h"

namespace cairn::server {

// `args` are those after "config": show or check, then flags of the server. Answers the process's exit code;
// what is shown goes to standard output, what is wrong to standard error.
int config_command(const std::vector<std::string>& args);

// As a file in TOML; with the origin of each setting behind it.
std::string shown_as_toml(const std::vector<Setting>& settings, bool with_origin);
std::string shown_as_json(const std::vector<Setting>& settings);

}  // namespace cairn::server
