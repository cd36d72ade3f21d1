// WatchSkim: what an encoded WatchResponse brings, read without building it: a thousand watchers in one
// process would measure the reading else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::load {

struct WatchNews {
  bool whole = false;  // it could be read to its end
  bool created = false;
  bool canceled = false;
  std::string_view cancel_reason;
  std::uint64_t events = 0;
};

// `values`: of the events that are puts, one after the other; views into `response`.
WatchNews skim_watch(std::string_view response, std::vector<std::string_view>* values);

}  // namespace cairn::load
