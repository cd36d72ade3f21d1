// The files of the web console, as the build makes them of console/ (cmake/console.cmake). Constants of the
// program: no owner, any thread, as many as there are files.
#pragma once

#include <span>
#include <string_view>

namespace cairn::api {

struct ConsoleFile {
  std::string_view name;  // below /ui/; "" is the page itself
  std::string_view content_type;
  std::string_view hash;  // of the contents, in hexadecimal digits
  std::string_view plain, gzip;
};
std::span<const ConsoleFile> console_files();

}  // namespace cairn::api
