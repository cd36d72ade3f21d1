// CommandTree: the command line as data: every command with its words and flags, read from what its parser
// was told, and the server's from the table of its settings. Completions, manual pages and `cairn help -w
// json` are made of it and of nothing else. Values; whoever asks owns the answer.
#pragma once

#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/context.h"

namespace cairn::cli {

struct Word {                        // a flag, or what stands without one
  std::vector<std::string> names{};  // of a flag: "-w", "--write-out"; else its one name
  std::string value{};               // what a flag takes, in a word; empty: nothing
  std::string help{}, fallback{};
  std::vector<std::string> choices{};  // empty: anything
  bool required = false, repeats = false;

  bool takes_file() const;       // the name of one, or of a directory
  bool takes_directory() const;  // of a directory alone
};

struct Command {
  std::string name{}, summary{}, examples{};
  std::vector<Word> words{}, flags{};
};

std::vector<Command> command_tree(ServerFlags server_flags);

int print_tree(const Context& context);  // as JSON: what `cairn help -w json` says

}  // namespace cairn::cli
