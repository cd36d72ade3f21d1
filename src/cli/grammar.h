// Grammar: every command of the line with its flags and words, as the parser is told of them. What is said
// about commands elsewhere (help, completions, manual pages) is read from what stands here: see tree.h. The
// commands server and config have parsers of their own.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/globals.h"

namespace cairn::cli {

// What a command line says.
struct Options {
  Globals globals;
  PutOptions put;
  GetOptions get;
  DelOptions del;
  CasOptions cas;
  ListOptions list;
  WatchOptions watch;
  HistoryOptions history;
  LeaseOptions lease;
  LockOptions lock;
  CertOptions cert;
  ElectOptions elect;
  BatchOptions batch;
  DemoOptions demo;
  load::Options bench;
  InspectOptions inspect;
  SnapshotOptions snapshot;
  BackupOptions backup;
  MemberOptions member;
  UsersOptions auth = of_command("auth"), user = of_command("user"), role = of_command("role");
  CompletionOptions completion;
  ManOptions man;

 private:
  static UsersOptions of_command(const char* name) {
    UsersOptions options;
    options.command = name;
    return options;
  }
};

// All of them; what is parsed goes into `options`, which outlives `app`.
void add_commands(CLI::App* app, Options* options);

}  // namespace cairn::cli
