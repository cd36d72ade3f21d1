// Watching, over a Session: one question after the other, each of which a member keeps until it has news.
#pragma once

#include <chrono>

#include "client/client.h"
#include "client/session.h"

namespace cairn::client {

Answer<Changes> watch(Session* session, const WatchOptions& what, std::chrono::milliseconds wait);

}  // namespace cairn::client
