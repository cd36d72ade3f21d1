#include "watch/range_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/prng.h"

namespace cairn::watch {
namespace {

using Index = RangeIndex<int>;

std::string random_key(Prng* random) {
  std::string key;
  for (std::uint64_t left = random->between(1, 3); left > 0; --left)
    key += static_cast<char>('a' + random->below(5));
  return key;
}

TEST(RangeIndex, AgreesWithALookAtEachRange) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng random(seed);
    Index index;
    std::map<std::pair<std::string, std::string>, Index::Node*> expected;
    for (int turn = 0; turn < 600; ++turn) {
      std::string first = random_key(&random);
      std::string end = random.chance(1, 8) ? std::string(1, '\0') : random_key(&random);
      if (end.size() > 1 || end[0] != '\0') {
        if (end < first) std::swap(first, end);
        if (end == first) end += 'x';
      }
      const auto found = expected.find({first, end});
      if (found != expected.end() && random.chance(1, 2)) {
        index.erase(found->second);
        expected.erase(found);
      } else {
        Index::Node* const node = index.find_or_add(first, end);
        if (found != expected.end()) {
          ASSERT_EQ(node, found->second);
        }
        expected[{first, end}] = node;
        node->value = turn;
      }
      if (!expected.empty() && random.chance(1, 4)) {
        const auto doomed =
            std::next(expected.begin(), static_cast<std::ptrdiff_t>(random.below(expected.size())));
        index.erase(doomed->second);
        expected.erase(doomed);
      }
      ASSERT_EQ(index.size(), expected.size());
      const std::string key = random_key(&random);
      std::vector<int> want, have;
      for (const auto& [range, node] : expected) {
        const bool is_open = range.second == std::string(1, '\0');
        if (range.first <= key && (is_open || key < range.second)) want.push_back(node->value);
      }
      index.visit(key, [&](int value) { have.push_back(value); });
      std::sort(want.begin(), want.end());
      std::sort(have.begin(), have.end());
      ASSERT_EQ(have, want) << key;
    }
  }
}

}  // namespace
}  // namespace cairn::watch
