// What somebody may have meant who typed a word that nobody knows.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace cairn {

// The word of `known` that is nearest to `word`, if it is near enough to be a slip of the keyboard; else "".
std::string closest(std::string_view word, std::span<const std::string> known);

}  // namespace cairn
