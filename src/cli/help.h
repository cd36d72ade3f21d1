// The words of the help: one summary and a few examples a command.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

struct Help {
  std::string_view name;
  const char* summary;
  const char* examples;
};

struct ExitStatus {
  enum class Of { commands, server, all };  // the command server, and the others
  int status;
  const char* meaning;
  Of of = Of::commands;
};

const Help* help_of(std::string_view command);  // null when unknown
std::vector<std::string> command_names();
std::span<const ExitStatus> exit_statuses();
std::string overview();

}  // namespace cairn::cli
