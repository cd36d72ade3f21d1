#include "cli/usage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/closest.h"
#include "cli/fit.h"
#include "cli/help.h"

namespace cairn::cli {
namespace {

constexpr std::size_t kTextColumn = 30, kWidth = 80;

bool is_command(const std::string& name) {
  const auto names = command_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The long flags of a command, for suggestions.
std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  return flags;
}

class Pages : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string name = "  " + option->get_name(is_positional, !is_positional);
    if (!is_positional && option->get_items_expected_max() > 0) name += " " + value_name(*option);
    std::string text = option->get_description();
    if (!option->get_default_str().empty()) text += " (default: " + option->get_default_str() + ")";
    if (name.size() + 2 > kTextColumn)
      name += "\n" + std::string(kTextColumn, ' ');
    else
      name.resize(kTextColumn, ' ');
    return name + fit(text, kWidth, kTextColumn) + "\n";
  }
};

// "'x' is one argument too many", or "there is no flag --x".
std::string explain_extra(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining();
  const auto flag =
      std::find_if(extras.begin(), extras.end(), [](const auto& each) { return each.starts_with('-'); });
  if (flag != extras.end()) return "there is no flag " + *flag;
  return extras.empty() ? "too many arguments" : "'" + extras.front() + "' is one argument too many";
}

std::string explain_count(const CLI::App& command, const std::string& what) {
  const std::string flag = what.substr(0, what.find(':'));
  if (what.find("At Most") != std::string::npos) return flag + " is given more than once";
  const CLI::Option* const option = command.get_option_no_throw(flag);
  const std::string value = option == nullptr ? "" : value_name(*option);
  return flag + " needs a value" + (value.empty() || value == "VALUE" ? "" : ": " + value);
}

constexpr std::array<std::string_view, 7> kLeadingFlags = {"--endpoints", "--timeout", "-w",   "--write-out",
                                                           "--cacert",    "--cert",    "--key"};

bool takes_value(const std::string& flag) {
  return std::find(kLeadingFlags.begin(), kLeadingFlags.end(), flag) != kLeadingFlags.end();
}

std::string no_flag_of_all(const std::string& flag) {
  const std::string name = flag.substr(0, flag.find('='));
  if (name == "-o" || name == "--output") return name + " is not known: cairn says -w json";
  return name + " is no flag that every command has: write it behind the command: cairn COMMAND ... " + name;
}

}  // namespace

std::span<const std::string_view> leading_flags() { return kLeadingFlags; }

// The parser's own words for what a flag takes say nothing.
std::string value_name(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  for (const char* const type : {"TEXT", "INT", "UINT", "FLOAT"})
    if (name == type) return option.get_lnames().empty() ? "" : "VALUE";
  return name;
}

std::string explain(const CLI::App& command, const CLI::ParseError& error) {
  const std::string what = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return explain_extra(command);
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) return explain_count(command, what);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return what.substr(0, what.find(' ')) + " is missing";
  return what;
}

std::string usage_hint(const CLI::App& command, const std::vector<std::string>& args) {
  const std::string name = command.get_name();
  for (std::size_t i = 1; i < args.size(); ++i) {
    const std::string word = args[i].substr(0, args[i].find('='));
    if (word == "--") break;
    const auto flags = flags_of(command);
    if (word.compare(0, 2, "--") != 0 || std::find(flags.begin(), flags.end(), word) != flags.end()) continue;
    const std::string meant = closest(word, flags);
    if (!meant.empty()) return "did you mean " + meant + "? See cairn help " + name;
  }
  for (const std::string& extra : command.remaining())
    if (extra.size() > 1 && extra[0] == '-' && extra[1] != '-')
      return "what begins with '-' and is no flag stands behind --: cairn " + name + " ... -- " + extra;
  return "cairn help " + name;
}

std::shared_ptr<CLI::FormatterBase> help_pages() {
  auto pages = std::make_shared<Pages>();
  for (const char* label : {"TEXT", "INT", "UINT", "FLOAT", "REQUIRED"}) pages->label(label, "");
  return pages;
}

std::vector<std::string> command_first(const std::vector<std::string>& args, std::string* problem) {
  std::vector<std::string> flags;
  std::size_t at = 0;
  while (at < args.size() && args[at].starts_with('-')) {
    const std::string& flag = args[at];
    for (const char* const of_its_own : {"-h", "--help", "-v", "--version"})
      if (flag == of_its_own) return args;
    const std::string name = flag.substr(0, flag.find('='));
    if (!takes_value(name) && !flag.starts_with("-w")) {
      *problem = no_flag_of_all(flag);
      return args;
    }
    flags.push_back(flag);
    ++at;
    if (!takes_value(flag)) continue;  // its value is in it
    if (at == args.size() || (is_command(args[at]) && (at + 1 == args.size() || !is_command(args[at + 1])))) {
      *problem = flag + " needs a value" + (at == args.size() ? "" : " before '" + args[at] + "'");
      return args;
    }
    flags.push_back(args[at++]);
  }
  if (at == args.size() && at > 0) *problem = "no command behind " + flags.front();
  std::vector<std::string> ordered(args.begin() + static_cast<std::ptrdiff_t>(at), args.end());
  if (ordered.empty()) return args;
  ordered.insert(ordered.begin() + 1, flags.begin(), flags.end());
  for (std::string& each : ordered) {
    if (each == "--") break;
    if (each.starts_with("-w=")) each = "--write-out=" + each.substr(3);
  }
  return ordered;
}

std::string command_meant_by(const std::string& name) {
  using Names = std::pair<const char*, const char*>;
  constexpr std::array<Names, 15> kOthers = {{{"set", "put"},
                                              {"write", "put"},
                                              {"read", "get"},
                                              {"cat", "get"},
                                              {"delete", "del"},
                                              {"rm", "del"},
                                              {"remove", "del"},
                                              {"list", "ls"},
                                              {"keys", "ls"},
                                              {"scan", "ls"},
                                              {"txn", "batch"},
                                              {"import", "batch"},
                                              {"start", "server"},
                                              {"serve", "server"},
                                              {"health", "status"}}};
  std::string lower = name;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const auto& [other, ours] : kOthers)
    if (lower == other) return ours;
  return lower == "watch" ? "" : is_command(lower) ? lower : closest(lower, command_names());
}

}  // namespace cairn::cli
