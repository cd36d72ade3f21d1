// Text that fits the terminal.
#pragma once

#include <cstddef>
#include <string>

namespace cairn::cli {

// Columns of the terminal at `fd`; 80 when it is none.
std::size_t terminal_width(int fd);

// Words with line ends between, so that no line goes beyond `width`. The text begins at column `indent`, and
// so does each further line. `goes_on` ends a line that goes on: " \" in a command. A word is never broken.
std::string fit(const std::string& text, std::size_t width, std::size_t indent,
                const std::string& goes_on = "");

}  // namespace cairn::cli
