// SlowRequests: what the log says of requests that took too long: once a minute how many, and of the longest
// what it asked for, how long it took and how it ended; at level debug, every request. Owner: Api. Threading:
// the Api's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node/member.h"
#include "observe/slow_ones.h"
#include "rpc/handler.h"

namespace cairn::api {

class SlowRequests {
 public:
  SlowRequests(const SlowOnes::Limits& limits, const node::Member& member)
      : slow_ms_(milliseconds_of(limits.slow)), member_(member), slow_(limits) {}

  void ended(const rpc::GrpcEnd& end, Time now);
  // `answer_bytes`: of its body.
  void ended(const rpc::HttpRequest& request, Time begun, int status, std::size_t answer_bytes);

 private:
  // `request` is asked for its words when they are needed only.
  template <class Words>
  void took(Duration duration, Time now, Words request);

  const std::int64_t slow_ms_;
  const node::Member& member_;
  SlowOnes slow_;
};

// Of bytes from outside: printable, on one line, and not longer than fits into one.
std::string shortened(std::string_view bytes);

}  // namespace cairn::api
