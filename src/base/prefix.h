// All keys that begin with a prefix, as etcd's half-open range [prefix, end). Pure.
#pragma once

#include <string>
#include <string_view>

namespace cairn {

// The first key after all keys with this prefix; "\0", which means no end, when there is none.
std::string prefix_end(std::string_view prefix);

}  // namespace cairn
