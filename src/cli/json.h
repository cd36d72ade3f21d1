// JSON as the command line writes it: byte strings as in REST.
#pragma once

#include "client/codec.h"

namespace cairn::cli {

using Json = client::Json;

Json kv_to_json(const client::KeyValue& kv, bool keys_only = false);

}  // namespace cairn::cli
