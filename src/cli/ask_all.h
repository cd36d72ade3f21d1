// Asks members how they are, all at once: one that hangs keeps nobody waiting for the others.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "client/client.h"

namespace cairn::cli {

// In the order of `endpoints`. Threads: one for each, gone when it returns; endpoints are few.
std::vector<client::Answer<client::Status>> ask_all(const std::vector<std::string>& endpoints,
                                                    std::chrono::milliseconds timeout,
                                                    const client::Tls& tls = {},
                                                    const client::User& user = {});

}  // namespace cairn::cli
