#include "api/slow_requests.h"

#include <algorithm>

#include "api/grpc_metrics.h"
#include "base/hex_id.h"
#include "node/status.h"
#include "observe/log.h"

namespace cairn::api {
namespace {

constexpr std::size_t kShownBytes = 48;

// The key of a KV request is its first field, of which the beginning is at hand. "" when there is none.
std::string_view key_at(std::string_view beginning) {
  constexpr char kFirstField = '\x0a';
  if (beginning.size() < 2 || beginning[0] != kFirstField) return "";
  const auto size = static_cast<unsigned char>(beginning[1]);
  if (size < 0x80) return beginning.substr(2, size);
  return beginning.substr(std::min<std::size_t>(3, beginning.size()));  // longer than what is at hand
}

bool has_key(std::string_view method) {
  return method.ends_with("KV/Range") || method.ends_with("KV/Put") || method.ends_with("KV/DeleteRange");
}

std::string words_of(const rpc::GrpcEnd& end) {
  std::string words(end.method.path);
  if (has_key(end.method.path)) words += " of " + shortened(key_at(end.beginning));
  return words + ", ended with " + std::string(name_of_code(end.code)) + ", " +
         std::to_string(end.sent_bytes) + " bytes sent";
}

}  // namespace

std::string shortened(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, kShownBytes)) out += c < ' ' || c > '~' ? '?' : c;
  if (bytes.size() > kShownBytes) out += "...";
  return out;
}

void SlowRequests::ended(const rpc::GrpcEnd& end, Time now) {
  took(now - end.begun, now, [&end] { return words_of(end); });
}

void SlowRequests::ended(const rpc::HttpRequest& request, Time begun, int status, std::size_t answer_bytes) {
  const Time now = member_.now();
  took(now - begun, now, [&] {
    return shortened(request.method) + " " + shortened(request.target) + ", answered " +
           std::to_string(status) + ", " + std::to_string(answer_bytes) + " bytes";
  });
}

template <class Words>
void SlowRequests::took(Duration duration, Time now, Words request) {
  if (log_level() <= LogLevel::debug)
    log_debug("a request has ended", {{"request", request()}, {"took-ms", milliseconds_of(duration)}});
  const auto slow = slow_.took(duration, now, request);
  if (!slow) return;
  const raft::NodeId leader = member_.brief().leader;
  log_warn("slow requests", {{"longest-ms", milliseconds_of(slow->longest)},
                             {"request", slow->what},
                             {"times", slow->times},
                             {"limit-ms", slow_ms_},
                             {"leader", leader.v == 0 ? "none" : hex_id(leader.v)},
                             {"next",
                              "look here and at the leader for a slow disk, a lost leader or member, or many "
                              "bytes that a client was slow to take"}});
}

}  // namespace cairn::api
