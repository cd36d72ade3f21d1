#include "cli/fit.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <sstream>

namespace cairn::cli {

std::size_t terminal_width(int fd) {
  winsize size{};
  const bool known = isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string fit(const std::string& text, std::size_t width, std::size_t indent, const std::string& goes_on) {
  std::istringstream words(text);
  std::string out, word;
  std::size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() + goes_on.size() > width) {
      out += goes_on + "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) out += " ";
    column += word.size() + (column > indent ? 1 : 0);
    out += word;
  }
  return out;
}

}  // namespace cairn::cli
