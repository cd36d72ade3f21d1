// put, get, del, cas.
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/reading.h"

namespace cairn::cli {
namespace {

// A VALUE of the command line; "-" is what standard input brings.
Result<std::string> value_of(const Context& context, const std::string& argument) {
  return argument == "-" ? read_value(context, argument) : Result<std::string>(argument);
}

int print_revision(const Context& context, std::int64_t revision) {
  if (context.format == Format::json)
    context.out << Json{{"revision", revision}}.dump() << "\n";
  else
    context.out << "revision " << revision << "\n";
  return kExitOk;
}

}  // namespace

int put(const Context& context, const PutOptions& options) {
  if (!options.file.empty() && options.value)
    return report(context, kExitUsage, "give either VALUE or --file, not both");
  if (options.file.empty() && !options.value)
    return report(context, kExitUsage, "no value",
                  "give it as an argument, as '-' for standard input, or with --file PATH");
  const Result<std::string> value =
      options.value ? value_of(context, *options.value) : read_value(context, options.file);
  if (!value) return report(context, kExitLocalIo, value.error().message, "nothing is written");
  client::Client client = context.connect();
  const auto written = client.put(options.key, *value, options.id);
  if (!written) return report(context, written.error());
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
    json.update(read_to_json(found->from));
    context.out << json.dump() << "\n";
    return kExitOk;
  }
  if (context.format == Format::table) {
    context.out << kv_table({*found}, true);
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
  if (!deleted) return report(context, deleted.error());
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
  const Result<std::string> value = value_of(context, options.value);
  if (!value) return report(context, kExitLocalIo, value.error().message, "nothing is written");
  client::Client client = context.connect();
  const client::Expect expect{
      .value = options.expect, .mod_revision = options.expect_revision, .absent = options.create};
  const auto written = client.cas(options.key, expect, *value, options.id);
  if (!written) return report(context, written.error());
  return print_revision(context, written->revision);
}

}  // namespace cairn::cli
