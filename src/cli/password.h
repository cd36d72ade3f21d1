// Passwords, as people give them: from a file, from standard input, or typed without being shown. Never from
// the command line, which everybody on a machine can read.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/context.h"

namespace cairn::cli {

// Typed, where standard input is a terminal; else its first line.
Result<std::string> ask_password(const Context& context, const std::string& what);
// The first line of the file.
Result<std::string> password_in(const std::string& file);
// Of a user who gets a new one: typed twice.
Result<std::string> new_password(const Context& context, const std::string& user, const std::string& file);

}  // namespace cairn::cli
