// Requests as a member takes them and replies as it gives them: protobuf on one side, the simulator's plain
// structs on the other. Threading: none; pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "mvcc/command_kind.h"
#include "mvcc/outcome.h"
#include "mvcc/view.h"
#include "sim/client_history.h"

namespace cairn::command {
class Command;
}

namespace cairn::sim {

mvcc::CommandKind kind_of(const Request& request);
std::string encode(const Request& request);  // a write
// Of the response to a write, as it is kept for a retry.
std::size_t response_bytes(const Request& request, const Reply& reply);
// What a bounded write reads there, in the measure of its bound.
std::size_t read_bytes(const Request& request, const Store& store);
// By its reason: a limit was reached, or no leader took it. The request has surely not happened, and never
// will.
bool is_refused(const mvcc::Outcome& outcome);
// None: an error, or an answer that does not fit the request.
std::optional<Reply> decode(const Request& request, const mvcc::Outcome& outcome);
Reply read(const Request& request, const mvcc::View& view);
// What a client asked, from what entered the log. None: not a client's (compaction, publish).
std::optional<Request> decode(const command::Command& command);

}  // namespace cairn::sim
