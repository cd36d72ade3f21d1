// Files and standard input that commands read, with errors that say what is wrong with them.
#pragma once

#include <fstream>
#include <iosfwd>
#include <string>

#include "base/result.h"
#include "cli/context.h"

namespace cairn::cli {

// No server takes more, whatever its --max-request-bytes says: a wrong file is refused before it fills the
// memory.
constexpr std::size_t kValueBytesMax = std::size_t{32} << 20;

// Opened for reading, or why not: no such file, a folder, no permission.
Status open_input(const std::string& path, std::ifstream* into);
// All of a file, or of standard input for "-".
Result<std::string> read_value(const Context& context, const std::string& path);

}  // namespace cairn::cli
