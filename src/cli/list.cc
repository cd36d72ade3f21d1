// ls: the keys of a range, as they come page by page, or sorted, or as a table, or how many they are.
#include <algorithm>
#include <functional>
#include <ostream>
#include <vector>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/reading.h"

namespace cairn::cli {
namespace {

constexpr std::int64_t kPageKeys = 1000;

// Why the options cannot mean anything together; "" when they can.
std::string contradiction(const Context& context, const ListOptions& options) {
  if (!options.prefix.empty() && (options.from || options.to))
    return "PREFIX and --from, --to are two ways to say which keys: give one of them";
  if (options.to && *options.to <= options.from.value_or(""))
    return "no key is from '" + options.from.value_or("") + "' up to before '" + *options.to + "'";
  if (options.with_values && options.keys_only) return "--values and --keys-only contradict each other";
  if (!options.count_only) return "";
  if (options.with_values || options.keys_only || options.limit > 0 || !options.sort.empty() ||
      options.descending)
    return "--count shows no keys: leave out --values, --keys-only, --limit, --sort and --descending";
  return context.format == Format::table ? "--count is a number, not a table" : "";
}

client::ListOptions asked(const ListOptions& options) {
  client::ListOptions ask;
  ask.from = options.from;
  ask.to = options.to;
  ask.revision = options.revision;
  ask.consistency = consistency_of(options.consistency);
  return ask;
}

int print_count(const Context& context, const ListOptions& options) {
  client::Client client = context.connect();
  const auto count = client.count(options.prefix, asked(options));
  if (!count) return report(context, count.error());
  note_if_alone(context, count->from);
  if (context.format != Format::json) {
    context.out << count->count << "\n";
    return kExitOk;
  }
  Json json = {{"count", count->count}, {"revision", count->revision}};
  json.update(read_to_json(count->from));
  context.out << json.dump() << "\n";
  return kExitOk;
}

// Hands over pages by key until `limit` keys (0: all), or until nobody listens: ls | head.
int read_pages(const Context& context, const ListOptions& options, std::int64_t limit, bool keys_only,
               const std::function<void(std::vector<client::KeyValue>&)>& take) {
  client::Client client = context.connect();
  client::ListOptions ask = asked(options);
  ask.keys_only = keys_only;
  std::int64_t left = limit > 0 ? limit : INT64_MAX;
  for (bool more = true; more && left > 0 && context.out;) {
    ask.limit = std::min(left, kPageKeys);
    auto page = client.list(options.prefix, ask);
    if (!page) return report(context, page.error());
    if (ask.cursor.empty()) note_if_alone(context, page->from);
    left -= static_cast<std::int64_t>(page->kvs.size());
    take(page->kvs);
    more = page->more;
    ask.cursor = page->cursor;
  }
  return kExitOk;
}

void print(const Context& context, const client::KeyValue& kv, bool with_values) {
  if (context.format == Format::json)
    context.out << kv_to_json(kv, !with_values).dump() << "\n";
  else if (with_values)
    context.out << printable(kv.key) << "\t" << printable(kv.value) << "\n";
  else
    context.out << printable(kv.key) << "\n";
}

void sort_by(const std::string& what, bool descending, std::vector<client::KeyValue>* kvs) {
  const auto less = [&what](const client::KeyValue& a, const client::KeyValue& b) {
    if (what == "create") return a.create_revision < b.create_revision;
    if (what == "mod") return a.mod_revision < b.mod_revision;
    if (what == "version") return a.version < b.version;
    if (what == "value") return a.value < b.value;
    return a.key < b.key;
  };
  std::stable_sort(kvs->begin(), kvs->end(),
                   [&](const auto& a, const auto& b) { return descending ? less(b, a) : less(a, b); });
}

}  // namespace

int list(const Context& context, const ListOptions& options) {
  if (const std::string why = contradiction(context, options); !why.empty())
    return report(context, kExitUsage, "ls: " + why, "cairn help ls");
  if (options.count_only) return print_count(context, options);
  const bool is_table = context.format == Format::table;
  const bool shows_values = options.with_values || (is_table && !options.keys_only);
  const bool sorted = options.descending || (!options.sort.empty() && options.sort != "key");
  if (!is_table && !sorted)
    return read_pages(context, options, options.limit, !shows_values, [&](const auto& kvs) {
      for (const client::KeyValue& kv : kvs) print(context, kv, shows_values);
    });
  // Sorted here, since a member sorts only so many keys; the pages together are one state.
  std::vector<client::KeyValue> all;
  const int code =
      read_pages(context, options, sorted ? 0 : options.limit, !shows_values && options.sort != "value",
                 [&all](auto& kvs) { std::move(kvs.begin(), kvs.end(), std::back_inserter(all)); });
  if (code != kExitOk) return code;
  sort_by(options.sort, options.descending, &all);
  if (options.limit > 0 && all.size() > static_cast<std::size_t>(options.limit))
    all.resize(static_cast<std::size_t>(options.limit));
  if (is_table) {
    context.out << kv_table(all, shows_values);
    return kExitOk;
  }
  for (const client::KeyValue& kv : all) print(context, kv, shows_values);
  return kExitOk;
}

}  // namespace cairn::cli
