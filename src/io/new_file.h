// A small file written at once, as of a certificate or a key: it is there whole and durable, or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn::io {

enum class Readable { by_all, by_owner };

// Error: failed_precondition where something of this name is there, which is left as it is.
Status write_new_file(const std::string& path, std::string_view bytes, Readable readable);

}  // namespace cairn::io
