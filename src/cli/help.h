// The words of the help: one summary and a few examples a command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

struct Help {
  std::string_view name;
  const char* summary;
  const char* examples;
};

const Help* help_of(std::string_view command);  // null when unknown
std::vector<std::string> command_names();
std::string overview();

}  // namespace cairn::cli
