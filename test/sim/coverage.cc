#include "sim/coverage.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/reached.h"

namespace cairn::sim {

Status Coverage::read_exceptions(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(Code::not_found, path + ": cannot be read");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string point, program, test;
    if (!(words >> point)) continue;
    if (!(words >> program >> test))
      return fail(Code::invalid_argument, path + ": no program and test behind " + point);
    exceptions_[point] = program + " " + test;
  }
  return {};
}

void Coverage::add(std::uint64_t seed, const std::vector<std::string_view>& reached) {
  const std::lock_guard lock(mutex_);
  for (const std::string_view name : reached) {
    Point& point = reached_[name];
    point.first_seed = point.seeds == 0 ? seed : std::min(point.first_seed, seed);
    ++point.seeds;
  }
}

bool Coverage::print() const {
  std::vector<std::pair<std::string_view, Point>> points;
  for (const ReachedPoint& known : reached_points()) {
    const auto found = reached_.find(known.name);
    points.emplace_back(known.name, found == reached_.end() ? Point{} : found->second);
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const auto& a, const auto& b) { return a.second.seeds < b.second.seeds; });
  std::size_t missed = 0;
  std::printf("\n   seeds  first seed  point\n");
  for (const auto& [name, point] : points) {
    std::printf("%8llu  %10llu  %s", static_cast<unsigned long long>(point.seeds),
                static_cast<unsigned long long>(point.first_seed), std::string(name).c_str());
    const auto exception = exceptions_.find(name);
    if (exception != exceptions_.end()) std::printf("  (beyond simulation: %s)", exception->second.c_str());
    const bool is_missed = point.seeds == 0 && exception == exceptions_.end();
    std::printf("%s\n", is_missed ? "  NOT REACHED" : "");
    if (is_missed) ++missed;
  }
  std::printf("points %zu, not reached %zu\n", points.size(), missed);
  return missed == 0;
}

}  // namespace cairn::sim
