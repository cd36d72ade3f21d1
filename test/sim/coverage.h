// Coverage: which points worth reaching (base/reached.h) how many seeds came by. A point that no seed reached
// makes the run fail, unless a file says that no simulation can reach it and which unit test does instead.
// Owner: the program's main function. Threading: any; add() locks.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::sim {

class Coverage {
 public:
  // Lines of `POINT PROGRAM Suite.Test`; # begins a comment.
  Status read_exceptions(const std::string& path);
  void add(std::uint64_t seed, const std::vector<std::string_view>& reached);
  // The table, the rarest first. True when every point was reached.
  bool print() const;

 private:
  struct Point {
    std::uint64_t seeds = 0, first_seed = 0;
  };
  std::mutex mutex_;
  std::map<std::string_view, Point> reached_;
  std::map<std::string, std::string, std::less<>> exceptions_;  // by point: its unit test
};

}  // namespace cairn::sim
