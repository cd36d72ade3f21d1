// Misplaced: a write that was reported done and is not where it belongs, and what has become of both places
// since: what is written there later counts. Owner: SimDisk. Threading: none; a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace cairn::sim {

struct Misplaced {
  Misplaced(const std::string& path, std::uint64_t belongs_at, std::string the_bytes)
      : offset(belongs_at),
        bytes(std::move(the_bytes)),
        what(std::to_string(bytes.size()) + " bytes at " + std::to_string(offset) + " of " + path) {}

  void landed(std::uint64_t at, std::string in_place_of) {
    landed_at = at;
    overwritten = std::move(in_place_of);
    what += ", written at " + std::to_string(at);
  }
  void written(std::uint64_t at, std::size_t size) {
    const auto meets = [&](std::uint64_t begin, std::size_t length) {
      return at < begin + length && begin < at + size;
    };
    if (meets(offset, bytes.size())) is_made_up_for = true;
    if (meets(landed_at, overwritten.size())) overwritten.clear();
  }

  std::uint64_t offset;  // where it belongs
  std::string bytes;
  std::string what;  // in words
  std::uint64_t landed_at = 0;
  std::string overwritten;  // there; empty: it went nowhere
  bool is_made_up_for = false;
};

}  // namespace cairn::sim
