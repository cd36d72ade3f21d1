#include "cli/json.h"

namespace cairn::cli {

Json kv_to_json(const client::KeyValue& kv, bool keys_only) {
  Json out = {{"key", client::bytes_to_json(kv.key)}};
  if (!keys_only) out["value"] = client::bytes_to_json(kv.value);
  out["create_revision"] = kv.create_revision;
  out["mod_revision"] = kv.mod_revision;
  out["version"] = kv.version;
  return out;
}

}  // namespace cairn::cli
