#include "cli/tree.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/manual.h"

namespace cairn::cli {
namespace {

std::vector<ServerFlag> two_flags() {
  return {{.name = "data-dir", .fallback = "", .help = "where", .toggle = false},
          {.name = "auto-tls", .fallback = "false", .help = "of its own", .toggle = true}};
}

const Command& named(const std::vector<Command>& commands, const std::string& name) {
  return *std::find_if(commands.begin(), commands.end(),
                       [&](const Command& each) { return each.name == name; });
}

const Word& flag(const Command& command, const std::string& name) {
  return *std::find_if(command.flags.begin(), command.flags.end(), [&](const Word& each) {
    return std::find(each.names.begin(), each.names.end(), name) != each.names.end();
  });
}

TEST(Tree, HasEveryCommandThatHelpHasInItsOrder) {
  const auto commands = command_tree(two_flags);
  std::vector<std::string> names;
  for (const Command& each : commands) names.push_back(each.name);
  EXPECT_EQ(names, command_names());
}

TEST(Tree, SaysWhatTheParserTakes) {
  const auto commands = command_tree(two_flags);
  const Command& get = named(commands, "get");
  ASSERT_EQ(get.words.size(), 1U);
  EXPECT_EQ(get.words[0].names, std::vector<std::string>{"KEY"});
  EXPECT_TRUE(get.words[0].required);
  EXPECT_EQ(flag(get, "-w").names, (std::vector<std::string>{"-w", "--write-out"}));
  EXPECT_EQ(flag(get, "-w").choices, (std::vector<std::string>{"human", "json", "table"}));
  EXPECT_EQ(flag(get, "--missing-ok").value, "") << "it takes nothing";
  EXPECT_EQ(flag(get, "--timeout").fallback, "5");
  EXPECT_TRUE(named(commands, "lock").words.back().repeats) << "a command and its arguments";
  EXPECT_TRUE(flag(named(commands, "put"), "--file").takes_file());
  EXPECT_TRUE(flag(named(commands, "cert"), "--dir").takes_directory());
}

TEST(Tree, HasTheServersFlagsFromItsTable) {
  const auto commands = command_tree(two_flags);
  for (const char* const name : {"server", "config"}) {
    EXPECT_TRUE(flag(named(commands, name), "--data-dir").takes_directory()) << name;
    EXPECT_EQ(flag(named(commands, name), "--auto-tls").value, "") << name;
  }
  EXPECT_TRUE(named(command_tree(nullptr), "server").words.empty()) << "a program without a server";
}

// What help says may hold what means something to a shell or to roff.
TEST(Tree, WhatIsPrintedIsQuoted) {
  const std::vector<Command> commands{
      {.name = "odd",
       .summary = "it's [odd]: 50% \\",
       .examples = "  .start 'x'\n",
       .words = {},
       .flags = {{.names = {"--odd"}, .value = "A:B", .help = ".it's [odd]: \\ \"~\""}}}};
  const std::string zsh = zsh_completion(commands);
  EXPECT_NE(zsh.find(R"('odd:it'\''s [odd]\: 50% \\')"), std::string::npos) << zsh;
  EXPECT_NE(zsh.find(R"('--odd=[.it'\''s \[odd\]: \\ "~"]:A\:B: ')"), std::string::npos) << zsh;
  const std::string fish = fish_completion(commands);
  EXPECT_NE(fish.find(R"(-l odd -x -d '.it\'s [odd]: \\ "~"')"), std::string::npos) << fish;
  const std::string page = manual_page(commands, "cairn-odd.1");
  EXPECT_NE(page.find("\n\\&.it\\(aqs [odd]: \\e \\(dq\\(ti\\(dq.\n"), std::string::npos) << page;
  EXPECT_NE(page.find("\n\\&.start \\(aqx\\(aq\n"), std::string::npos) << page;
}

}  // namespace
}  // namespace cairn::cli
