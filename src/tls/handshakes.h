// Handshakes: those under way on one thread. One more than there may be, and the oldest ends: whoever begins
// them and stays silent keeps nobody else out, and costs no more memory than these. Owner: whoever accepts.
// Threading: that thread.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <utility>

namespace cairn::tls {

class Handshakes {
 public:
  struct Limits {
    std::size_t under_way_max = 1024;
  };
  using Place = std::list<std::function<void()>>::iterator;

  explicit Handshakes(const Limits& limits) : limits_(limits) {}

  // `end` is called when it has to make room; it has left then.
  Place enter(std::function<void()> end) {
    if (under_way_.size() >= limits_.under_way_max) {
      const std::function<void()> oldest = std::move(under_way_.front());
      under_way_.pop_front();
      oldest();
    }
    return under_way_.insert(under_way_.end(), std::move(end));
  }
  void leave(Place place) { under_way_.erase(place); }
  std::size_t under_way() const { return under_way_.size(); }

 private:
  const Limits limits_;
  std::list<std::function<void()>> under_way_;  // the oldest first
};

}  // namespace cairn::tls
