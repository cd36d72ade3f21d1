// For opening many of something: connections, watches, leases. Threading: one thread; it blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace cairn::load {

// Runs the loop until all have come, there is a problem, or no further one has come for so long.
void await_all(boost::asio::io_context& io, std::uint64_t wanted, const std::function<std::uint64_t()>& come,
               const std::string& problem, std::chrono::seconds patience);

}  // namespace cairn::load
