#include "cli/changes.h"

#include <ostream>

#include "cli/json.h"

namespace cairn::cli {
namespace {

Json change_to_json(const client::Change& change) {
  Json json = {{"type", type_of(change)}};
  if (change.is_deletion) {
    json["key"] = bytes_to_json(change.now.key);
    json["mod_revision"] = change.now.mod_revision;
  } else {
    json.update(kv_to_json(change.now));
  }
  if (change.previous) json["previous"] = kv_to_json(*change.previous);
  return json;
}

}  // namespace

const char* type_of(const client::Change& change) { return change.is_deletion ? "delete" : "put"; }

void print(const Context& context, const client::Change& change) {
  if (context.format == Format::json) {
    context.out << change_to_json(change).dump() << "\n" << std::flush;
    return;
  }
  context.out << change.now.mod_revision << "\t" << type_of(change) << "\t" << printable(change.now.key);
  if (!change.is_deletion) context.out << "\t" << printable(change.now.value);
  if (change.previous) context.out << "\t(before: " << printable(change.previous->value) << ")";
  context.out << "\n" << std::flush;
}

}  // namespace cairn::cli
