// A client's stream of watches at one member, as both ends see it: what is asked, what is answered, and the
// connection in between, which keeps order and may be cut. Owner: shared by both ends. Threading: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "sim/client_history.h"
#include "watch/hub.h"

namespace cairn::sim {

struct WatchEvent {
  std::int64_t revision = 0;
  std::string key;
  std::optional<KeyState> now{}, before{};  // no state: the key was deleted, or was not there or is not shown
  bool operator==(const WatchEvent&) const = default;
};

struct WatchAnswer {
  std::int64_t watch_id = 0, revision = 0;
  bool created = false, canceled = false, fragment = false;
  std::int64_t compact_revision = 0;
  std::vector<WatchEvent> events{};
};

// None: bytes that are no events.
std::optional<std::vector<WatchEvent>> decode_events(std::string_view events);

struct WatchQuestion {
  enum class Kind : std::uint8_t { create, cancel, progress };
  Kind kind = Kind::progress;
  watch::Request create{};
  std::int64_t watch_id = 0;  // to cancel
};

// Who reads what comes over a connection.
struct WatchReader {
  virtual ~WatchReader() = default;
  virtual void received(const WatchAnswer& answer) = 0;
};

struct WatchConnection {
  std::uint64_t number = 0;
  std::uint64_t member = 0, life = 0;
  WatchReader* reader = nullptr;  // null: the client has left it
  Duration latency{};             // of each response, at the most
  std::size_t room = 1;           // responses that may be on their way
  std::size_t under_way = 0;
  bool wants_room = false;  // the member was told that there is none
  Time last_arrival{};
};

}  // namespace cairn::sim
