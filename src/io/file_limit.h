// How many files and sockets this process may have open.
#pragma once

#include <cstddef>

namespace cairn::io {

// Raises the soft limit to the hard one, which is what it may have without asking anybody, and returns what
// holds then. The usual soft limit of 1,024 is for programs that call select(2).
std::size_t raise_file_limit();

}  // namespace cairn::io
