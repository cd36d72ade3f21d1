#include "cli/repeat.h"

#include <algorithm>
#include <string_view>

namespace cairn::cli {
namespace {

bool takes_value(const std::string& flag) {
  return flag == "--endpoints" || flag == "--timeout" || flag == "-w" || flag == "--write-out";
}

}  // namespace

std::string shell_quoted(const std::string& word) {
  constexpr std::string_view kPlain = "_@%+=:,./-";
  const bool is_plain = std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kPlain.find(c) != std::string_view::npos;
  });
  if (is_plain && !word.empty()) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string repeat_command(const std::vector<std::string>& args, const std::string& id) {
  std::string out = "cairn", behind;
  std::vector<std::string> words;  // the command, and what it is about
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--id") {
      ++i;
      continue;
    }
    if (args[i].starts_with("--id=")) continue;
    std::string& into = args[i] == "--" || !behind.empty() ? behind : out;
    into += " " + shell_quoted(args[i]);
    const bool is_word = !args[i].starts_with("-") || args[i] == "-";
    if (is_word && (i == 0 || !takes_value(args[i - 1]))) words.push_back(args[i]);
  }
  out += " --id " + shell_quoted(id) + behind;
  const bool reads_input =
      std::find(words.begin(), words.end(), "-") != words.end() || (words.size() == 1 && words[0] == "batch");
  return reads_input ? out + " (with the same standard input)" : out;
}

}  // namespace cairn::cli
