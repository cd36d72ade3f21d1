#include "sim/watch_wire.h"

#include "proto/rpc.pb.h"

namespace cairn::sim {
namespace {

KeyState state_of(const mvccpb::KeyValue& kv) {
  return {kv.value(), kv.create_revision(), kv.mod_revision(), kv.version()};
}

}  // namespace

std::optional<std::vector<WatchEvent>> decode_events(std::string_view events) {
  etcdserverpb::WatchResponse response;
  if (!response.ParseFromArray(events.data(), static_cast<int>(events.size()))) return std::nullopt;
  std::vector<WatchEvent> decoded;
  for (const mvccpb::Event& event : response.events()) {
    WatchEvent made{.revision = event.kv().mod_revision(), .key = event.kv().key()};
    if (event.type() == mvccpb::Event::PUT) made.now = state_of(event.kv());
    if (event.has_prev_kv()) made.before = state_of(event.prev_kv());
    decoded.push_back(std::move(made));
  }
  return decoded;
}

}  // namespace cairn::sim
