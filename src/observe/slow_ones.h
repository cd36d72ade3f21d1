// SlowOnes: of many things that happen, those that took too long, told of at most once an interval: how many
// there were, and of the longest how long it took and what it was. Owner: whoever measures. Threading: none
// of its own. Whatever happens next tells of what is left: ask took() of the quick ones, too.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/time.h"

namespace cairn {

class SlowOnes {
 public:
  struct Limits {
    Duration slow = std::chrono::seconds(1);
    Duration interval = std::chrono::minutes(1);  // between two lines
  };
  struct Report {
    std::uint64_t times = 0;  // since the last one
    Duration longest{};
    std::string what;  // of the longest
  };

  explicit SlowOnes(const Limits& limits) : limits_(limits) {}

  // `what` is asked only of one that is longer than those before it.
  template <class What>
  std::optional<Report> took(Duration duration, Time now, What what) {
    if (duration >= limits_.slow) {
      held_.times += 1;
      if (duration > held_.longest) {
        held_.longest = duration;
        held_.what = what();
      }
    }
    if (held_.times == 0 || (last_ && now - *last_ < limits_.interval)) return std::nullopt;
    last_ = now;
    return std::exchange(held_, {});
  }
  std::optional<Report> took(Duration duration, Time now) {
    return took(duration, now, [] { return std::string(); });
  }

 private:
  const Limits limits_;
  Report held_;
  std::optional<Time> last_;
};

inline std::int64_t milliseconds_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace cairn
