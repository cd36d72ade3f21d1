#include "cli/cli.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/globals.h"
#include "cli/grammar.h"
#include "cli/help.h"
#include "cli/tree.h"
#include "cli/usage.h"

namespace cairn::cli {
namespace {

int run_command(const std::string& name, const Options& o, const Context& context) {
  if (name == "put") return put(context, o.put);
  if (name == "get") return get(context, o.get);
  if (name == "del") return del(context, o.del);
  if (name == "cas") return cas(context, o.cas);
  if (name == "ls") return list(context, o.list);
  if (name == "watch") return watch(context, o.watch);
  if (name == "history") return history(context, o.history);
  if (name == "lease") return lease(context, o.lease);
  if (name == "lock") return lock(context, o.lock);
  if (name == "elect") return elect(context, o.elect);
  if (name == "batch") return batch(context, o.batch);
  if (name == "status") return status(context);
  if (name == "members") return members(context);
  if (name == "member") return member(context, o.member);
  if (name == "auth") return users(context, o.auth);
  if (name == "user") return users(context, o.user);
  if (name == "role") return users(context, o.role);
  if (name == "demo") return demo(context, o.demo);
  if (name == "bench") return bench(context, o.bench);
  if (name == "inspect") return inspect(context, o.inspect);
  if (name == "snapshot") return snapshot(context, o.snapshot);
  if (name == "backup") return backup(context, o.backup);
  if (name == "cert") return cert(context, o.cert);
  if (name == "completion") return completion(context, o.completion);
  if (name == "man") return man(context, o.man);
  return version(context);
}

int unknown_command(const Context& context, const std::string& name) {
  const std::string meant = command_meant_by(name);
  return report(context, kExitUsage, "unknown command '" + name + "'",
                meant.empty() ? "cairn help lists them" : "did you mean 'cairn " + meant + "'?");
}

bool is_command(const std::string& name) {
  const auto names = command_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

int parse_and_run(const std::vector<std::string>& args, Context context) {
  Options options;
  CLI::App app;
  app.formatter(help_pages());
  add_commands(&app, &options);
  CLI::App* const command = app.get_subcommand(args[0]);
  // A key, value or name may be the word of another command.
  for (CLI::App* const other :
       app.get_subcommands([command](const CLI::App* each) { return each != command; }))
    app.remove_subcommand(other);
  // A usage error is reported in the format that was asked for, though parsing has not come to its end.
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool next = (args[i] == "-w" || args[i] == "--write-out") && i + 1 < args.size();
    if ((next && args[i + 1] == "json") || args[i] == "--write-out=json" || args[i] == "-wjson")
      context.format = Format::json;
  }
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::CallForHelp&) {
    context.out << command->help("cairn");
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return report(context, kExitUsage, args[0] + ": " + explain(*command, error), usage_hint(*command, args));
  }
  std::string problem = complete(options.globals, &context);
  if (problem.empty() && command->get_option_no_throw("--endpoints") != nullptr)
    problem = complete_tls(options.globals, &context);
  if (problem.empty() && command->get_option_no_throw("--user") != nullptr)
    if (const std::string who = complete_user(options.globals, &context); !who.empty())
      return report(context, kExitUsage, who, "see --user in: cairn help " + args[0]);
  if (!problem.empty())
    return report(context, kExitUsage, problem,
                  !options.globals.endpoints ? "CAIRN_ENDPOINTS in the environment says so"
                                             : "see --endpoints in: cairn help " + args[0]);
  return run_command(args[0], options, context);
}

int print_help(const std::vector<std::string>& args, const Context& context, const ServerTools& server) {
  if (args.size() == 3 && (args[1] == "-w" || args[1] == "--write-out") && args[2] == "json")
    return print_tree(context);
  if (args.size() < 2) {
    context.out << overview();
    return kExitOk;
  }
  if (!is_command(args[1])) return unknown_command(context, args[1]);
  if (args[1] == "server") return server.run({"--help"});
  if (args[1] == "config") return server.config({"--help"});
  if (args[1] == "help") return print_help({}, context, server);
  return parse_and_run({args[1], "--help"}, context);
}

}  // namespace

int run_cli(const std::vector<std::string>& given, std::istream& in, std::ostream& out, std::ostream& err,
            const ServerTools& server) {
  Context context{in, out, err, &out == &std::cout && isatty(STDOUT_FILENO) == 1,
                  &err == &std::cerr && isatty(STDERR_FILENO) == 1};
  std::string problem;
  const std::vector<std::string> args = command_first(given, &problem);
  context.args = given;
  context.backups = server.backups;
  context.server_flags = server.flags;
  if (args.empty()) {
    err << overview();
    return kExitUsage;
  }
  if (!problem.empty())
    return report(context, kExitUsage, problem,
                  "cairn [--endpoints URL,...] [-w FORMAT] COMMAND ...; cairn help");
  if (args[0] == "--version" || args[0] == "-v") return version(context);
  if (args[0] == "help" || args[0] == "--help" || args[0] == "-h") return print_help(args, context, server);
  if (!is_command(args[0])) return unknown_command(context, args[0]);
  if (args[0] == "server") return server.run({args.begin() + 1, args.end()});
  if (args[0] == "config") return server.config({args.begin() + 1, args.end()});
  try {
    const int code = parse_and_run(args, context);
    out.flush();
    if (!out && errno == EPIPE) return kExitLocalIo;  // `cairn ls | head`: nobody is left to tell
    if (!out) return report(context, kExitLocalIo, "cannot write to standard output", "is its disk full?");
    return code;
  } catch (const std::exception& error) {
    return report(context, kExitInternal, std::string("internal error: ") + error.what(),
                  "this is a bug in cairn; please report it with the command line");
  }
}

}  // namespace cairn::cli
