// Trace: what happened, as one line an event and as a hash of their numbers. Lines are rendered only when
// somebody looks: a run keeps its last kLines in a ring for the day it fails. Two runs of one seed must have
// equal hashes. Owner: Cluster. Threading: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/time.h"

namespace cairn::sim {

class Trace {
 public:
  static constexpr std::size_t kLines = 200;
  static constexpr std::size_t kFields = 6;

  struct Field {
    const char* name = nullptr;  // lives as long as the program
    std::uint64_t value = 0;
  };

  using Text = std::function<std::string()>;  // owns what it speaks of; not part of the hash

  // live: every line goes there at once.
  explicit Trace(std::FILE* live = nullptr) : live_(live), lines_(kLines) {}

  // member 0: the world. what: lives as long as the program.
  void add(Time at, std::uint64_t member, const char* what, std::initializer_list<Field> fields = {},
           Text text = {});
  std::uint64_t hash() const { return hash_; }
  void print(std::FILE* out) const;  // the last lines

 private:
  struct Line {
    Time at;
    std::uint64_t member = 0;
    const char* what = nullptr;
    std::array<Field, kFields> fields;
    Text text;
  };
  static std::string render(const Line& line);
  void mix(std::uint64_t value);
  void mix(const char* text);

  std::FILE* live_;
  std::uint64_t hash_ = 0x6a09e667f3bcc908U;
  std::vector<Line> lines_;  // a ring
  std::size_t count_ = 0;    // of all lines ever
};

}  // namespace cairn::sim
