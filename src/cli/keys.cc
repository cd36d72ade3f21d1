// put, get, del, cas, ls.
#include <fstream>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

client::Consistency consistency_of(const std::string& text) {
  if (text == "linearizable") return client::Consistency::linearizable;
  if (text == "local") return client::Consistency::local;
  return client::Consistency::automatic;
}

int print_revision(const Context& context, std::int64_t revision) {
  if (context.format == Format::json)
    context.out << Json{{"revision", revision}}.dump() << "\n";
  else
    context.out << "revision " << revision << "\n";
  return kExitOk;
}

// The command that repeats it once stands in the hint.
int report_write(const Context& context, client::Error error) {
  if (!error.idempotency_key.empty())
    error.hint = "repeat the same command with --id " + error.idempotency_key +
                 " within ten minutes, and it applies once; or read the key to find out";
  return report(context, error);
}

// Data that may be behind is not taken for the newest unawares.
void note_if_alone(const Context& context, const client::ReadFrom& from) {
  if (from.consistency == client::Consistency::local && !from.leader_known && context.format == Format::human)
    context.err << "note: read at one member that knows no leader: others may have newer data\n";
}

// read() notes an error, of a folder say, in the stream; an iterator would throw.
std::string all_of(std::istream& in) {
  std::string all;
  char piece[1 << 16];
  while (in.read(piece, sizeof piece) || in.gcount() > 0)
    all.append(piece, static_cast<std::size_t>(in.gcount()));
  return all;
}

// A VALUE of the command line; "-" is what standard input brings.
std::string value_of(const Context& context, const std::string& argument) {
  return argument == "-" ? all_of(context.in) : argument;
}

}  // namespace

int put(const Context& context, const PutOptions& options) {
  std::string value;
  if (!options.file.empty()) {
    if (options.value) return report(context, kExitUsage, "give either VALUE or --file, not both");
    std::ifstream file(options.file, std::ios::binary);
    value = all_of(file);
    if (!file.eof() || file.bad()) return report(context, kExitLocalIo, "cannot read " + options.file);
  } else if (options.value) {
    value = value_of(context, *options.value);
  } else {
    return report(context, kExitUsage, "no value",
                  "give it as an argument, as '-' for standard input, or with --file");
  }
  client::Client client = context.connect();
  const auto written = client.put(options.key, value, options.id);
  if (!written) return report_write(context, written.error());
  return print_revision(context, written->revision);
}

int get(const Context& context, const GetOptions& options) {
  client::Client client = context.connect();
  const auto found = client.get(options.key, consistency_of(options.consistency), options.revision);
  if (!found) {
    if (options.missing_ok && found.error().reason == client::Reason::key_not_found) return kExitOk;
    return report(context, found.error());
  }
  note_if_alone(context, found->from);
  if (context.format == Format::json) {
    Json json = kv_to_json(*found);
    json["consistency"] = found->from.consistency == client::Consistency::local ? "local" : "linearizable";
    context.out << json.dump() << "\n";
    return kExitOk;
  }
  context.out << found->value;  // exact bytes; a terminal gets the line ended
  if (context.out_is_terminal && (found->value.empty() || found->value.back() != '\n')) context.out << "\n";
  return kExitOk;
}

int del(const Context& context, const DelOptions& options) {
  if (options.prefix && options.key.empty() && !options.yes)
    return report(context, kExitUsage, "this would delete every key", "say --yes if that is what you want");
  client::Client client = context.connect();
  const auto deleted =
      options.prefix ? client.del_prefix(options.key, options.id) : client.del(options.key, options.id);
  if (!deleted) return report_write(context, deleted.error());
  if (deleted->count == 0 && !options.prefix && !options.missing_ok)
    return report(context, kExitNegative, "key not found", "", "key_not_found");
  if (context.format == Format::json)
    context.out << Json{{"deleted", deleted->count}, {"revision", deleted->revision}}.dump() << "\n";
  else
    context.out << "deleted " << deleted->count << "\n";
  return kExitOk;
}

int cas(const Context& context, const CasOptions& options) {
  const int conditions =
      (options.expect ? 1 : 0) + (options.expect_revision ? 1 : 0) + (options.create ? 1 : 0);
  if (conditions != 1)
    return report(context, kExitUsage, "give exactly one of --expect VALUE, --expect-revision N, --create");
  client::Client client = context.connect();
  const client::Expect expect{
      .value = options.expect, .mod_revision = options.expect_revision, .absent = options.create};
  const auto written = client.cas(options.key, expect, value_of(context, options.value), options.id);
  if (!written) return report_write(context, written.error());
  return print_revision(context, written->revision);
}

int list(const Context& context, const ListOptions& options) {
  constexpr std::int64_t kPageKeys = 1000;
  client::Client client = context.connect();
  client::ListOptions page_options;
  page_options.keys_only = !options.with_values;
  page_options.consistency = consistency_of(options.consistency);
  std::int64_t left = options.limit > 0 ? options.limit : INT64_MAX;
  for (bool more = true; more && left > 0 && context.out;) {  // a reader may have left: ls | head
    page_options.limit = std::min(left, kPageKeys);
    const auto page = client.list(options.prefix, page_options);
    if (!page) return report(context, page.error());
    if (page_options.cursor.empty()) note_if_alone(context, page->from);
    for (const client::KeyValue& kv : page->kvs) {
      if (context.format == Format::json)
        context.out << kv_to_json(kv, page_options.keys_only).dump() << "\n";
      else if (options.with_values)
        context.out << printable(kv.key) << "\t" << printable(kv.value) << "\n";
      else
        context.out << printable(kv.key) << "\n";
    }
    left -= static_cast<std::int64_t>(page->kvs.size());
    more = page->more;
    page_options.cursor = page->cursor;
  }
  return kExitOk;
}

}  // namespace cairn::cli
