#include "cli/completion.h"

#include <map>
#include <ostream>

#include "base/version.h"
#include "cli/commands.h"
#include "cli/usage.h"

namespace cairn::cli {
namespace {

std::string header(const std::string& shell) {
  return "# " + shell + " completion of cairn " + kVersion + ", as `cairn completion " + shell +
         "` prints it.\n";
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : between) + word;
  return all;
}

// With a backslash before each of these characters.
std::string escaped(const std::string& text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// ---- bash: what a word may be is "any", "file", "dir" or "one a b c"

std::string kind_of(const Word& word) {
  if (!word.choices.empty()) return "one " + joined(word.choices, " ");
  if (word.takes_directory()) return "dir";
  return word.takes_file() ? "file" : "any";
}

// Sets kind to what the flag "$1 $2" of a command takes.
std::string bash_values(const std::vector<Command>& commands) {
  std::map<std::string, std::vector<std::string>> patterns;  // by kind
  for (const std::string_view flag : leading_flags())
    patterns["any"].push_back("' " + std::string(flag) + "'");
  for (const Command& command : commands)
    for (const Word& flag : command.flags)
      for (const std::string& name : flag.names)
        if (!flag.value.empty()) patterns[kind_of(flag)].push_back("'" + command.name + " " + name + "'");
  std::string arms;
  for (const auto& [kind, of_kind] : patterns)
    arms += "    " + joined(of_kind, " | \\\n      ") + ") kind='" + kind + "' ;;\n";
  return "_cairn_value() {\n  case \"$1 $2\" in\n" + arms + "    *) kind= ;;\n  esac\n}\n\n";
}

// Sets kind to what stands at place "$2" of a command, flags not counted.
std::string bash_words(const std::vector<Command>& commands) {
  std::string arms;
  for (const Command& command : commands)
    for (std::size_t place = 0; place < command.words.size(); ++place)
      arms += "    '" + command.name + " " + std::to_string(place + 1) + "') kind='" +
              kind_of(command.words[place]) + "' ;;\n";
  return "_cairn_word() {\n  case \"$1 $2\" in\n" + arms + "    *) kind= ;;\n  esac\n}\n\n";
}

std::string bash_flags(const std::vector<Command>& commands) {
  std::string arms;
  for (const Command& command : commands) {
    std::vector<std::string> names;
    for (const Word& flag : command.flags) names.insert(names.end(), flag.names.begin(), flag.names.end());
    arms += "    " + command.name + ") flags='" + joined(names, " ") + "' ;;\n";
  }
  std::string leading;
  for (const std::string_view flag : leading_flags())
    leading += (leading.empty() ? "" : " ") + std::string(flag);
  return "_cairn_flags() {\n  case $1 in\n" + arms + "    *) flags='" + leading +
         " --help --version' ;;\n  esac\n}\n\n";
}

// bash cuts --flag=value into three words.
constexpr char kBash[] = R"sh(_cairn() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command='' kind='' flags='' each i place=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    each=${COMP_WORDS[i]}
    case $each in
      --)  # behind it stands another command
        mapfile -t COMPREPLY < <(compgen -c -f -- "$word")
        return
        ;;
      -*)
        _cairn_value "$command" "$each"
        if [[ ${COMP_WORDS[i+1]} == '=' ]]; then
          i=$((i + 2))
        elif [[ -n $kind ]]; then
          i=$((i + 1))
        fi
        ;;
      *) if [[ -z $command ]]; then command=$each; else place=$((place + 1)); fi ;;
    esac
  done
  kind=
  if [[ $word == '=' ]]; then
    word=
    _cairn_value "$command" "$before"
  elif [[ $before == '=' ]]; then
    _cairn_value "$command" "${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ $before == -* ]]; then
    _cairn_value "$command" "$before"
  fi
  if [[ -z $kind && $word == -* ]]; then
    _cairn_flags "$command"
    kind="one $flags"
  elif [[ -z $kind && -z $command ]]; then
    kind="one $_cairn_commands"
  elif [[ -z $kind ]]; then
    _cairn_word "$command" $((place + 1))
  fi
  case $kind in
    one\ *) mapfile -t COMPREPLY < <(compgen -W "${kind#one }" -- "$word") ;;
    file)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    dir)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      ;;
  esac
}

complete -F _cairn cairn
)sh";

// ---- zsh: _arguments knows all of it by itself

std::string zsh_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string zsh_action(const Word& word) {
  if (!word.choices.empty()) return "(" + joined(word.choices, " ") + ")";
  if (word.takes_directory()) return "_files -/";
  return word.takes_file() ? "_files" : " ";
}

std::vector<std::string> zsh_flag(const Word& flag) {
  std::vector<std::string> specs;
  for (const std::string& name : flag.names) {
    std::string spec = flag.names.size() > 1 ? "(" + joined(flag.names, " ") + ")" : "";
    spec += name;
    if (!flag.value.empty()) spec += name.starts_with("--") ? "=" : "+";
    spec += "[" + escaped(flag.help, "[]\\") + "]";
    if (!flag.value.empty()) spec += ":" + escaped(flag.value, ":\\") + ":" + zsh_action(flag);
    specs.push_back(zsh_quoted(spec));
  }
  return specs;
}

std::string zsh_arguments(const Command& command) {
  std::string specs;
  const auto add = [&specs](const std::string& spec) { specs += " \\\n        " + spec; };
  for (const Word& flag : command.flags)
    for (const std::string& spec : zsh_flag(flag)) add(spec);
  std::size_t place = 1;
  for (const Word& word : command.words) {
    const std::string what = ":" + escaped(word.names.front(), ":\\") + ":";
    if (word.repeats)
      add(zsh_quoted("*" + what + "_files"));
    else
      add(zsh_quoted(std::to_string(place) + (word.required ? "" : ":") + what + zsh_action(word)));
    ++place;
  }
  return "      (" + command.name + ") _arguments -s" + specs + " ;;\n";
}

// ---- fish: a line for each thing that may stand somewhere

std::string fish_quoted(const std::string& text) { return "'" + escaped(text, "'\\") + "'"; }

std::string fish_value(const Word& word) {
  if (word.takes_directory()) return " -x -a '(__fish_complete_directories)'";
  if (word.takes_file()) return " -r -F";
  return word.choices.empty() ? " -x" : " -x -a " + fish_quoted(joined(word.choices, " "));
}

std::string fish_command(const Command& command) {
  std::string lines = "complete -c cairn -n 'not __cairn_command' -a " + command.name + " -d " +
                      fish_quoted(command.summary) + "\n";
  const std::string is_it = "complete -c cairn -n '__cairn_is " + command.name + "'";
  for (const Word& flag : command.flags) {
    lines += is_it;
    for (const std::string& name : flag.names)
      lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    lines += (flag.value.empty() ? "" : fish_value(flag)) + " -d " + fish_quoted(flag.help) + "\n";
  }
  for (std::size_t place = 0; place < command.words.size(); ++place) {
    const Word& word = command.words[place];
    if (place == 0 && !word.choices.empty())
      lines += "complete -c cairn -n '__cairn_is " + command.name + " first' -a " +
               fish_quoted(joined(word.choices, " ")) + "\n";
    if (word.takes_file() || word.repeats) lines += is_it + " -F\n";
  }
  return lines;
}

std::string fish_functions() {
  std::string leading;
  for (const std::string_view flag : leading_flags()) leading += " " + std::string(flag);
  return "# The words of the line from the command on; flags of all commands may stand before it.\n"
         "function __cairn_words\n"
         "    set -l skip 0\n"
         "    set -l words (commandline -opc)\n"
         "    set -e words[1]\n"
         "    while set -q words[1]\n"
         "        if test $skip = 1\n"
         "            set skip 0\n"
         "        else if contains -- $words[1]" +
         leading +
         "\n"
         "            set skip 1\n"
         "        else if not string match -q -- '-*' $words[1]\n"
         "            string join -- \\n $words\n"
         "            return 0\n"
         "        end\n"
         "        set -e words[1]\n"
         "    end\n"
         "    return 1\n"
         "end\n\n"
         "function __cairn_command\n"
         "    __cairn_words >/dev/null\n"
         "end\n\n"
         "# Of that command; and \"first\": nothing but it stands there.\n"
         "function __cairn_is\n"
         "    set -l words (__cairn_words)\n"
         "    or return 1\n"
         "    test $words[1] = $argv[1]\n"
         "    or return 1\n"
         "    set -q argv[2]\n"
         "    or return 0\n"
         "    test (count $words) = 1\n"
         "end\n\n";
}

}  // namespace

std::string bash_completion(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const Command& command : commands) names.push_back(command.name);
  return header("bash") + "# shellcheck shell=bash\n\n_cairn_commands='" + joined(names, " ") + "'\n\n" +
         bash_values(commands) + bash_words(commands) + bash_flags(commands) + kBash;
}

std::string zsh_completion(const std::vector<Command>& commands) {
  std::string summaries, arguments;
  for (const Command& command : commands) {
    summaries += "    " + zsh_quoted(command.name + ":" + escaped(command.summary, ":\\")) + "\n";
    arguments += zsh_arguments(command);
  }
  std::string leading;
  for (const std::string_view flag : leading_flags())
    leading += " \\\n    '" + std::string(flag) + (flag.starts_with("--") ? "=" : "+") + ":VALUE: '";
  return "#compdef cairn\n" + header("zsh") +
         "\n_cairn() {\n"
         "  local context state state_descr line curcontext=$curcontext\n"
         "  typeset -A opt_args\n"
         "  local -a commands\n"
         "  commands=(\n" +
         summaries + "  )\n  _arguments -C -A '-*'" + leading +
         " \\\n    '1:command:->command' '*::argument:->argument' && return\n"
         "  case $state in\n"
         "    (command) _describe -t commands 'command of cairn' commands ;;\n"
         "    (argument) case $line[1] in\n" +
         arguments +
         "    esac ;;\n"
         "  esac\n"
         "}\n\n"
         "if [ \"$funcstack[1]\" = _cairn ]; then _cairn \"$@\"; else compdef _cairn cairn; fi\n";
}

std::string fish_completion(const std::vector<Command>& commands) {
  std::string lines = header("fish") + "\n" + fish_functions() + "complete -c cairn -f\n";
  for (const Command& command : commands) lines += fish_command(command);
  return lines;
}

int completion(const Context& context, const CompletionOptions& options) {
  const std::vector<Command> commands = command_tree(context.server_flags);
  context.out << (options.shell == "bash"  ? bash_completion(commands)
                  : options.shell == "zsh" ? zsh_completion(commands)
                                           : fish_completion(commands));
  return kExitOk;
}

}  // namespace cairn::cli
