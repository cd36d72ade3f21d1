#include "cli/manual.h"

#include <algorithm>
#include <ostream>

#include "base/closest.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/help.h"

namespace cairn::cli {
namespace {

constexpr char kDate[] =
    "2026-12-01";  // of what the pages are made like; a build of the same sources is the same

// Text that roff takes for nothing else: a dash to be typed is one, and no line is a request.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '"')
      out += "\\(dq";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '~')
      out += "\\(ti";
    else if (c == '^')
      out += "\\(ha";
    else if (c == '`')
      out += "\\(ga";
    else
      out += c;
  }
  return out;
}

std::string line(const std::string& text) {
  const std::string escaped = roff(text);
  return (escaped.starts_with('.') ? "\\&" : "") + escaped + "\n";
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::string title(const std::string& name, const std::string& section, const std::string& summary) {
  std::string upper = name;
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return ".TH " + roff(upper) + " " + section + " " + kDate + " \"cairn " + kVersion +
         "\" Cairn\n.SH NAME\n" + roff(name) + " \\- " + roff(summary) + "\n";
}

std::string section_of(const std::string& command) { return command == "server" ? "8" : "1"; }

std::string page_of(const std::string& command) { return "cairn-" + command + "." + section_of(command); }

std::string reference(const std::string& command) {
  return ".BR " + roff("cairn-" + command) + " (" + section_of(command) + ")";
}

std::string end_of_sentence(const std::string& text) {
  return text.empty() || text.ends_with('.') ? text : text + ".";
}

// What is said of a flag or word.
std::string explained(const Word& word) {
  if (word.names.back() == "--help") return line("Print the help of this command.");
  std::string text = line(end_of_sentence(word.help));
  if (word.names.front().starts_with('-') && !word.choices.empty()) {
    std::string choices;
    for (const std::string& choice : word.choices) choices += (choices.empty() ? "" : ", ") + choice;
    text += line("One of: " + choices + ".");
  }
  if (!word.fallback.empty()) text += line("Default: " + word.fallback + ".");
  return text;
}

std::string flag_entry(const Word& flag) {
  std::string names;
  for (const std::string& name : flag.names) names += (names.empty() ? "" : ", ") + bold(name);
  return ".TP\n" + names + (flag.value.empty() ? "" : " " + italic(flag.value)) + "\n" + explained(flag);
}

std::string examples(const std::string& text) {
  std::string lines;
  for (const std::string& each : split(text, '\n'))
    lines += line(each.substr(std::min(each.find_first_not_of(' '), each.size())));
  return ".SH EXAMPLES\n.nf\n" + lines + ".fi\n";
}

std::string statuses(bool of_server) {
  std::string text = ".SH \"EXIT STATUS\"\n";
  for (const ExitStatus& each : exit_statuses())
    if (each.of == ExitStatus::Of::all || (each.of == ExitStatus::Of::server) == of_server)
      text += ".TP\n" + bold(std::to_string(each.status)) + "\n" + line(end_of_sentence(each.meaning));
  return text;
}

std::string server_words() {
  return ".SH SIGNALS\n"
         ".TP\n\\fBSIGTERM\\fR, \\fBSIGINT\\fR\n"
         "It hands leadership over, answers what was asked, closes its log and ends with 0.\n"
         ".TP\n\\fBSIGHUP\\fR\n"
         "It opens its log files anew and reads its settings again; the log names those that only a start "
         "takes.\n"
         ".SH \"SERVICE MANAGER\"\n"
         "Where \\fBNOTIFY_SOCKET\\fR is set, as systemd does for \\fIType=notify\\fR, it says when it "
         "listens at both\n"
         "ports (READY=1), whom it follows (STATUS), that it reloads or stops, and, where "
         "\\fBWATCHDOG_USEC\\fR asks\n"
         "for it, that it is alive.\n"
         "READY=1 waits for its data to be read, and for no other member: a cluster's first members start in "
         "any order.\n"
         ".SH FILES\n"
         ".TP\n\\fI/etc/cairn/cairn.toml\\fR\nThe settings of the packaged service.\n"
         ".TP\n\\fI/var/lib/cairn\\fR\nIts data directory.\n";
}

std::string command_page(const Command& command) {
  const bool is_server = command.name == "server";
  std::string text = title("cairn-" + command.name, section_of(command.name), command.summary);
  text += ".SH SYNOPSIS\n" + bold("cairn " + command.name) + " [" + italic("FLAG") + "]...";
  std::string words;
  for (const Word& word : command.words) {
    const std::string name = italic(word.names.front()) + (word.repeats ? "..." : "");
    text += word.required ? " " + name : " [" + name + "]";
    words += ".TP\n" + italic(word.names.front()) + "\n" + explained(word);
  }
  text += "\n";
  if (is_server)
    text +=
        ".SH DESCRIPTION\n"
        "Without flags: a cluster of one, in default.cairn, on localhost.\n"
        "A flag is also \\fBCAIRN_\\fINAME\\fR or \\fBETCD_\\fINAME\\fR in the environment, or a key of the "
        "file that\n" +
        bold("--config-file") +
        " names: flags win over the environment, that over the file.\n"
        "Flags of etcd that are not listed are accepted where they change nothing, which is said, and "
        "refused where they would.\n";
  if (!words.empty()) text += ".SH ARGUMENTS\n" + words;
  if (!command.flags.empty()) text += ".SH OPTIONS\n";
  for (const Word& flag : command.flags) text += flag_entry(flag);
  if (is_server) text += server_words() + statuses(true);
  text += examples(command.examples) + ".SH \"SEE ALSO\"\n.BR cairn (1)";
  if (is_server || command.name == "config") text += ",\n.BR cairn.toml (5)";
  return text + "\n";
}

std::string overview_page(const std::vector<Command>& commands) {
  std::string text = title("cairn", "1", "a distributed, strongly consistent key-value store");
  text += ".SH SYNOPSIS\n" + bold("cairn") + " " + italic("COMMAND") + " [" + italic("FLAG") + "]...\n" +
          ".SH DESCRIPTION\n"
          "One program that is server, client and tools.\n"
          "It speaks etcd\\(aqs v3 API, so etcd\\(aqs clients work with it, and plain HTTP.\n"
          ".SH COMMANDS\n";
  for (const Command& command : commands)
    text += ".TP\n" + reference(command.name) + "\n" + line(end_of_sentence(command.summary));
  text += ".SH ENVIRONMENT\n";
  const auto variable = [&text](const char* name, const char* what) {
    text += std::string(".TP\n\\fB") + name + "\\fR\n" + line(what);
  };
  variable("CAIRN_ENDPOINTS", "The servers to ask, separated by commas, else http://127.0.0.1:2379.");
  variable("CAIRN_CACERT", "Of https servers: the file of the CA that has signed for them.");
  variable("CAIRN_CERT, CAIRN_KEY", "The files of what they are shown.");
  variable("CAIRN_USER, CAIRN_PASSWORD", "Who asks, where users are asked who they are.");
  text += statuses(false) + ".SH \"SEE ALSO\"\n.BR cairn\\-server (8),\n.BR cairn.toml (5)\n";
  return text;
}

std::string settings_page(const std::vector<Command>& commands) {
  std::string text = title("cairn.toml", "5", "the settings of a member of a Cairn cluster");
  text +=
      ".SH DESCRIPTION\n"
      "The file that " +
      bold("cairn server --config-file") +
      " reads: TOML, a line\n\\fIkey\\fR = \\fIvalue\\fR for each setting.\n"
      "Keys are the names of the flags of\n.BR cairn\\-server (8),\n"
      "which win over the file, as the environment does.\n"
      "Values are strings, numbers, true or false; where a setting takes several, separated by commas or as "
      "a list of strings.\n"
      "What is no setting, or stands twice, is refused with its line:\n.B cairn config check\nsays so before "
      "a start does.\n"
      ".SH SETTINGS\n";
  for (const Command& command : commands) {
    if (command.name != "server") continue;
    for (Word flag : command.flags) {
      flag.names = {flag.names.back().substr(2)};
      if (flag.names[0] != "config-file" && flag.names[0] != "help" && flag.names[0] != "version")
        text += flag_entry(flag);
    }
  }
  text +=
      ".SH EXAMPLES\n.nf\nname = \\(dqn1\\(dq\ndata\\-dir = \\(dq/var/lib/cairn\\(dq\n"
      "listen\\-client\\-urls = [\\(dqhttps://10.0.0.1:2379\\(dq, \\(dqhttps://127.0.0.1:2379\\(dq]\n"
      "quota\\-backend\\-bytes = \\(dq4GiB\\(dq\n.fi\n"
      ".SH \"SEE ALSO\"\n.BR cairn\\-server (8),\n.BR cairn\\-config (1)\n";
  return text;
}

}  // namespace

std::vector<std::string> manual_pages(const std::vector<Command>& commands) {
  std::vector<std::string> names{"cairn.1", "cairn.toml.5"};
  for (const Command& command : commands) names.push_back(page_of(command.name));
  return names;
}

std::string manual_page(const std::vector<Command>& commands, const std::string& name) {
  if (name == "cairn.1") return overview_page(commands);
  if (name == "cairn.toml.5") return settings_page(commands);
  for (const Command& command : commands)
    if (name == page_of(command.name)) return command_page(command);
  return "";
}

int man(const Context& context, const ManOptions& options) {
  const std::vector<Command> commands = command_tree(context.server_flags);
  const std::vector<std::string> names = manual_pages(commands);
  if (options.page.empty()) {
    for (const std::string& name : names) context.out << name << "\n";
    return kExitOk;
  }
  const std::string page = manual_page(commands, options.page);
  if (page.empty()) {
    const std::string near = closest(options.page, names);
    return report(context, kExitUsage, "there is no page '" + options.page + "'",
                  near.empty() ? "cairn man lists them" : "did you mean " + near + "? cairn man lists all");
  }
  context.out << page;
  return kExitOk;
}

}  // namespace cairn::cli
