// Bytes: an immutable byte string shared without copies by the log tail, the WAL writer and the sockets.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace cairn {

using Bytes = std::shared_ptr<const std::string>;

inline Bytes make_bytes(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace cairn
