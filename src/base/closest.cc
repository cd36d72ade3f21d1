#include "base/closest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace cairn {
namespace {

constexpr std::size_t kWordBytesMax = 100;  // longer is no slip, and the work grows with the product

// Insertions, deletions, replacements, swaps of neighbours (Damerau-Levenshtein, optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string closest(std::string_view word, std::span<const std::string> known) {
  std::string best;
  if (word.size() > kWordBytesMax) return best;
  // One slip in a short word, two in others, more in very long ones.
  std::size_t best_distance = (word.size() <= 3 ? 1 : std::max<std::size_t>(2, word.size() / 4)) + 1;
  for (const std::string& each : known) {
    const std::size_t distance = edit_distance(word, each);
    if (distance >= best_distance || distance >= each.size()) continue;
    best = each;
    best_distance = distance;
  }
  return best;
}

}  // namespace cairn
