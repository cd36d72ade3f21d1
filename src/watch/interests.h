// Interests: which groups of watches a changed key concerns. Watches that ask for the same events of the same
// range are one group, whose events are encoded once. Idle groups cost a change nothing: a single key is
// looked up by its hash, ranges in a tree. Owner: Hub. Threading: its. Invariant: a group exists while a
// watch is counted for it, an interest while it has a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/range_index.h"

namespace cairn::watch {

struct Watch;
struct Interest;

// Which of a range's events, and how they come.
struct Wants {
  bool puts = true, deletes = true;
  bool previous = false;   // what the key was before, too
  bool fragments = false;  // the events of a large revision in several responses
  bool operator==(const Wants&) const = default;
};

struct Group {
  Interest* interest = nullptr;
  Wants wants;
  std::size_t counted = 0;           // of all its watches
  std::vector<Watch*> current;       // those that have all there is
  std::vector<std::uint32_t> batch;  // the changes at hand that it wants, by number
};

struct Interest {
  Range range;  // no end: a single key
  std::vector<std::unique_ptr<Group>> groups;
  RangeIndex<std::unique_ptr<Interest>>::Node* node = nullptr;  // of a range
  bool holds(std::string_view key) const {
    return range.end.empty() ? key == range.first : range.first <= key && range.ends_after(key);
  }
};

class Interests {
 public:
  // Counts one watch more, or less.
  Group* join(std::string_view first, std::string_view end, const Wants& wants);
  void leave(Group* group);

  template <class Visit>
  void visit(std::string_view key, Visit visit) const {
    const auto each = [&visit](const Interest& interest) {
      for (const auto& group : interest.groups) visit(*group);
    };
    if (const auto found = keys_.find(key); found != keys_.end()) each(*found->second);
    ranges_.visit(key, [&each](const std::unique_ptr<Interest>& interest) { each(*interest); });
  }
  std::size_t size() const { return keys_.size() + ranges_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };

  Interest* find_or_add(std::string_view first, std::string_view end);

  std::unordered_map<std::string, std::unique_ptr<Interest>, Hash, std::equal_to<>> keys_;
  RangeIndex<std::unique_ptr<Interest>> ranges_;
};

}  // namespace cairn::watch
