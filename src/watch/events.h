// Events: changes as etcd's watch responses have them, mvccpb.Event in field 11 of a WatchResponse. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "mvcc/changes.h"
#include "watch/interests.h"

namespace cairn::watch {

bool is_wanted(const mvcc::Record& record, const Wants& wants);
// Appends the change at hand as one event. A deletion has its key and revision only.
void append_event(const mvcc::Record& record, const mvcc::Record* previous, std::string* out);
// About how many bytes that takes, from above.
std::size_t event_bytes(const mvcc::Record& record, const mvcc::Record* previous);

}  // namespace cairn::watch
