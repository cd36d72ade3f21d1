#include "cli/input.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <istream>

namespace cairn::cli {
namespace {

tl::unexpected<Error> cannot_read(const std::string& path, const std::string& why) {
  return fail(Code::invalid_argument, "cannot read " + path + ": " + why);
}

// read() notes an error, of a disk say, in the stream; an iterator would throw.
Result<std::string> all_of(std::istream& in, const std::string& name) {
  std::string all;
  std::string piece(std::size_t{1} << 16, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    all.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (all.size() > kValueBytesMax)
      return cannot_read(
          name, "a value has " + std::to_string(kValueBytesMax >> 20) + " MiB at most, this is more");
  }
  if (!in.eof() || in.bad()) return cannot_read(name, "reading failed before its end");
  return all;
}

}  // namespace

Status open_input(const std::string& path, std::ifstream* into) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return cannot_read(path, "it is a folder, not a file");
  errno = 0;
  into->open(path, std::ios::binary);
  if (*into) return {};
  return cannot_read(path, errno == 0 ? "it cannot be opened" : std::strerror(errno));
}

Result<std::string> read_value(const Context& context, const std::string& path) {
  if (path == "-") return all_of(context.in, "standard input");
  std::ifstream file;
  TRY(open_input(path, &file));
  return all_of(file, path);
}

}  // namespace cairn::cli
