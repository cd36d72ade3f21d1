// Manual: the pages of man(1), made of the command line's tree: cairn.1, a page for each command
// (cairn-put.1), of which the server's is cairn-server.8, and cairn.toml.5 of its settings.
#pragma once

#include <string>
#include <vector>

#include "cli/tree.h"

namespace cairn::cli {

std::vector<std::string> manual_pages(const std::vector<Command>& commands);  // their names
// Empty when there is none of that name.
std::string manual_page(const std::vector<Command>& commands, const std::string& name);

}  // namespace cairn::cli
