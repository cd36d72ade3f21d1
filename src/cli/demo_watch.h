// DemoWatch: what has changed among the members of a demo since somebody looked last, in sentences: who
// leads, who hangs, who is back. Pure: told what each member said, and the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"

namespace cairn::cli {

class DemoWatch {
 public:
  using Clock = std::chrono::steady_clock;
  struct Look {
    std::string name;
    int pid = 0;                           // 0: it is not running
    std::optional<client::Status> status;  // null: no answer
  };

  explicit DemoWatch(client::Status leader) : leader_(std::move(leader)) {}

  // Each begins with "ok  " or "!!  ".
  std::vector<std::string> look(Clock::time_point now, const std::vector<Look>& members);
  const client::Status& leader() const { return leader_; }
  // Nobody leads: worth looking more often.
  bool leaderless() const { return lost_at_.has_value(); }

 private:
  struct Seen {
    int missed = 0;  // looks in a row that it did not answer
    bool told = false;
    Clock::time_point answered_at{};
  };
  void note_silence(Clock::time_point now, const Look& member, int missed_max,
                    std::vector<std::string>* lines);
  void note_leader(Clock::time_point now, const std::vector<Look>& members, std::vector<std::string>* lines);

  client::Status leader_;
  std::map<std::string, Seen> seen_;
  std::optional<Clock::time_point> lost_at_;
};

}  // namespace cairn::cli
