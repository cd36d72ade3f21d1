#include "cli/tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <utility>

#include "base/version.h"
#include "cli/grammar.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/usage.h"

namespace cairn::cli {
namespace {

constexpr int kEndless = 1 << 20;  // more words than that: as many as one likes

std::vector<std::string> choices_of(CLI::Option* option) {
  try {
    return split(option->get_validator(0)->get_name(), '|');
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

Word word_of(CLI::Option* option) {
  Word word;
  if (option->nonpositional()) {
    for (const std::string& name : option->get_snames()) word.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) word.names.push_back("--" + name);
    if (option->get_items_expected_max() > 0) word.value = value_name(*option);
  } else {
    word.names.push_back(option->get_name(true, false));
  }
  word.help = option->get_description();
  word.fallback = option->get_default_str();
  word.choices = choices_of(option);
  word.required = option->get_required();
  word.repeats = option->get_items_expected_max() >= kEndless;
  return word;
}

Word help_flag() { return {.names = {"-h", "--help"}, .help = "this text"}; }

Word format_flag() {
  return {.names = {"-w", "--write-out"}, .value = "FORMAT", .help = "json", .choices = {"json"}};
}

Command bare(const std::string& name) {
  const Help* const help = help_of(name);
  return {.name = name, .summary = help->summary, .examples = help->examples};
}

std::vector<Word> flags_of_server(ServerFlags server_flags) {
  std::vector<Word> flags;
  if (server_flags == nullptr) return flags;
  for (const ServerFlag& flag : server_flags())
    flags.push_back({.names = {"--" + flag.name},
                     .value = flag.toggle                      ? ""
                              : flag.name.ends_with("-file")   ? "FILE"
                              : flag.name.ends_with("-dir")    ? "DIR"
                              : flag.name.ends_with("-urls")   ? "URL,..."
                              : flag.name == "initial-cluster" ? "NAME=URL,..."
                                                               : "VALUE",
                     .help = flag.help,
                     .fallback = flag.fallback});
  return flags;
}

// These have no parser that knows its flags one by one: server/show_config.cc and print_help() read them.
Command own_parser(const std::string& name, ServerFlags server_flags) {
  Command command = bare(name);
  if (name == "server" || name == "config") command.flags = flags_of_server(server_flags);
  if (name == "server") command.flags.push_back({.names = {"--version"}, .help = "print the version"});
  if (name == "config") {
    command.words.push_back({.names = {"WHAT"},
                             .help =
                                 "show: every setting that has a value, as a file that --config-file reads; "
                                 "check: whether the start would be refused",
                             .choices = {"show", "check"},
                             .required = true});
    command.flags.push_back({.names = {"--origin"}, .help = "show: where each comes from"});
  }
  if (name == "help")
    command.words.push_back(
        {.names = {"COMMAND"}, .help = "which; none: a list of them", .choices = command_names()});
  if (name != "server") command.flags.push_back(format_flag());
  if (name != "help") command.flags.push_back(help_flag());
  return command;
}

Command parsed(CLI::App& parser) {
  Command command = bare(parser.get_name());
  for (CLI::Option* const option : parser.get_options())
    (option->nonpositional() ? command.flags : command.words).push_back(word_of(option));
  return command;
}

Json json_of(const Word& word) {
  Json json{{"names", word.names}, {"help", word.help}};
  if (!word.value.empty()) json["value"] = word.value;
  if (!word.fallback.empty()) json["default"] = word.fallback;
  if (!word.choices.empty()) json["choices"] = word.choices;
  if (word.required) json["required"] = true;
  if (word.repeats) json["repeats"] = true;
  return json;
}

}  // namespace

bool Word::takes_directory() const { return value == "DIR" || names.front() == "DIR"; }

bool Word::takes_file() const {
  return takes_directory() || value.starts_with("FILE") || value == "PATH" || names.front() == "FILE" ||
         names.front() == "FOLDER";
}

std::vector<Command> command_tree(ServerFlags server_flags) {
  Options options;
  CLI::App app;
  add_commands(&app, &options);
  std::vector<Command> commands;
  for (const std::string& name : command_names()) {
    const auto parsers =
        app.get_subcommands([&name](const CLI::App* each) { return each->get_name() == name; });
    commands.push_back(parsers.empty() ? own_parser(name, server_flags) : parsed(*parsers.front()));
  }
  return commands;
}

int print_tree(const Context& context) {
  Json tree{{"version", kVersion}, {"commands", Json::array()}, {"exit_statuses", Json::array()}};
  for (const Command& command : command_tree(context.server_flags)) {
    Json json{{"name", command.name},
              {"summary", command.summary},
              {"words", Json::array()},
              {"flags", Json::array()}};
    for (const Word& word : command.words) json["words"].push_back(json_of(word));
    for (const Word& flag : command.flags) json["flags"].push_back(json_of(flag));
    json["examples"] = Json::array();
    for (const std::string& line : split(command.examples, '\n'))
      json["examples"].push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
    tree["commands"].push_back(std::move(json));
  }
  for (const ExitStatus& each : exit_statuses())
    tree["exit_statuses"].push_back({{"status", each.status}, {"meaning", each.meaning}});
  context.out << tree.dump() << "\n";
  return kExitOk;
}

}  // namespace cairn::cli
