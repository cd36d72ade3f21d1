#include "cli/reading.h"

#include <ostream>

namespace cairn::cli {
namespace {

constexpr std::size_t kShownBytesMax = 40;

// Cut where a character begins.
std::string shown_value(const std::string& value) {
  if (value.size() <= kShownBytesMax) return printable(value);
  std::size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) --end;
  return printable(value.substr(0, end)) + "... (" + std::to_string(value.size()) + " bytes)";
}

}  // namespace

client::Consistency consistency_of(const std::string& text) {
  if (text == "linearizable") return client::Consistency::linearizable;
  if (text == "local") return client::Consistency::local;
  return client::Consistency::automatic;
}

void note_if_alone(const Context& context, const client::ReadFrom& from) {
  if (from.consistency != client::Consistency::local || from.leader_known) return;
  constexpr char kNote[] = "a local read, at one member that knows no leader: others may have newer data";
  if (context.format == Format::json)
    context.err << Json{{"note", {{"code", "local_read"}, {"message", kNote}}}}.dump() << "\n";
  else
    context.err << "note: " << kNote << "\n";
}

Json read_to_json(const client::ReadFrom& from) {
  return {{"consistency", from.consistency == client::Consistency::local ? "local" : "linearizable"},
          {"leader_known", from.leader_known}};
}

std::string kv_table(const std::vector<client::KeyValue>& kvs, bool with_values) {
  std::vector<std::vector<std::string>> rows = {{"KEY", "CREATE", "MOD", "VERSION"}};
  if (with_values) rows[0].emplace_back("VALUE");
  for (const client::KeyValue& kv : kvs) {
    rows.push_back({printable(kv.key), std::to_string(kv.create_revision), std::to_string(kv.mod_revision),
                    std::to_string(kv.version)});
    if (with_values) rows.back().push_back(shown_value(kv.value));
  }
  return table(rows);
}

}  // namespace cairn::cli
