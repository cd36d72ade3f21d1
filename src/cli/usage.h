// What the parser of the command line says, in words for people: its errors, and the pages of the help.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

// "--timeout needs a value: SECONDS".
std::string explain(const CLI::App& command, const CLI::ParseError& error);
// Flags that every command has, and that may stand before it, each with a value behind it.
std::span<const std::string_view> leading_flags();
// What a flag takes, in a word; "" when that says nothing.
std::string value_name(const CLI::Option& option);
// What to do next: the flag that was meant, or a usage that works.
std::string usage_hint(const CLI::App& command, const std::vector<std::string>& args);

// Two columns that fit 80 characters, defaults in words, no types.
std::shared_ptr<CLI::FormatterBase> help_pages();

// "cairn -w json --endpoints a get k": flags that every command has may stand before it, as in kubectl and
// etcdctl. Here they move behind it; `problem` says why they cannot.
std::vector<std::string> command_first(const std::vector<std::string>& args, std::string* problem);

// The command that others call by this name; "" for none.
std::string command_meant_by(const std::string& name);

}  // namespace cairn::cli
