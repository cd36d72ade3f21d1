// What get and ls share: how a read was made, and pairs as a table.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/json.h"
#include "client/client.h"

namespace cairn::cli {

client::Consistency consistency_of(const std::string& text);

// Data that may be behind is not taken for the newest unawares: a note on standard error.
void note_if_alone(const Context& context, const client::ReadFrom& from);
Json read_to_json(const client::ReadFrom& from);

// KEY, CREATE, MOD, VERSION, VALUE; long values are cut, and their size said.
std::string kv_table(const std::vector<client::KeyValue>& kvs, bool with_values);

}  // namespace cairn::cli
