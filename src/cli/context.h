// What every command works with: the streams, the global flags, and one way to report an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "cli/cli.h"
#include "client/client.h"

namespace cairn::cli {

struct BackupTools;

enum class Format { human, json, table };  // table: of keys; get and ls alone have it

struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::vector<std::string> endpoints = {};
  std::chrono::milliseconds timeout{5000};
  Format format = Format::human;
  std::vector<std::string> args = {};    // the command line, to be shown when it should be repeated
  const BackupTools* backups = nullptr;  // what reads and restores files of backups
  client::Tls tls = {};                  // of https endpoints
  client::User user = {};                // who asks
  ServerFlags server_flags = nullptr;    // what the command server takes; null: there is none

  client::Client connect() const { return connect_to(endpoints); }
  client::Client connect_to(std::vector<std::string> others) const {
    return client::Client({.endpoints = std::move(others), .timeout = timeout, .tls = tls, .user = user});
  }
};

// "error: what", "hint: next step", and the exit code that goes with it. With -w json one JSON object.
int report(const Context& context, int exit_code, const std::string& message, const std::string& hint = "",
           const std::string& code = "");
// Of a member, or of nobody: who answers and who does not stands beside it, and behind a write whose outcome
// is unknown the command that repeats it once. `more`: a hint of the command.
int report(const Context& context, const client::Error& error, const std::string& more = "");

// Keys and values for eyes: bytes that are not printable are escaped, so that a line stays a line.
std::string printable(const std::string& bytes);

// Columns padded to their widest cell, two spaces between, no borders: good for eyes and for awk.
std::string table(const std::vector<std::vector<std::string>>& rows);

std::string in_units(std::uint64_t bytes);  // "999 B", "1.5 KiB", "64 MiB"

std::vector<std::string> split(const std::string& text, char separator);

}  // namespace cairn::cli
