// How much a command may answer, which goes into the log with it.
#pragma once

#include <cstdint>

#include "api/api.h"
#include "node/requests.h"

namespace cairn::api {

// 0, no bound, for kinds whose answer does not grow with the state.
inline std::uint64_t answer_bytes_max(const Config& config, node::CommandKind kind) {
  const bool reads = kind == node::CommandKind::txn || kind == node::CommandKind::delete_range;
  return reads ? config.answer_bytes_max : 0;
}

}  // namespace cairn::api
