// Sections: the parts that a saved state consists of, one for each thing that the state holds, in a file of
// its own. A new one is a row in the table of state_io.cc and a pair of functions here, and makes a new
// version of the frame, since a loader demands every section of its version. What a section says must follow
// from the log alone: members at equal applied index write equal bytes.
//
// A loader finds the store's revisions loaded already, and whatever stands before it in the table.
#pragma once

#include "base/result.h"
#include "mvcc/state_reader.h"
#include "mvcc/state_writer.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {

// What a parsable batch can hold at most: whatever was applied can be loaded.
constexpr std::uint32_t kSavedFieldMax = Record::kSizeMax;

void save_members(const Contents& contents, StateWriter* to);
Status load_members(StateReader* from, Storage* storage);

void save_sessions(const Contents& contents, StateWriter* to);
Status load_sessions(StateReader* from, Storage* storage);

void save_alarms(const Contents& contents, StateWriter* to);
Status load_alarms(StateReader* from, Storage* storage);

void save_auth(const Contents& contents, StateWriter* to);
Status load_auth(StateReader* from, Storage* storage);

void save_leases(const Contents& contents, StateWriter* to);
Status load_leases(StateReader* from, Storage* storage);

// Attaches them to their leases, too.
void save_keys(const Contents& contents, StateWriter* to);
Status load_keys(StateReader* from, Storage* storage);

}  // namespace cairn::mvcc
