#include "api/listing.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "api/rest.h"
#include "base/percent.h"

namespace cairn::api {
namespace {

using etcdserverpb::RangeRequest;

// The end of a range that has none.
constexpr std::string_view kNoEnd{"\0", 1};

Status contradiction(const std::string& what) { return fail(Code::invalid_argument, what); }

Status check_together(const Target& target) {
  const auto given = [&target](std::string_view name) { return target.parameter(name) != nullptr; };
  if (given("prefix") && (given("from") || given("to")))
    return contradiction("prefix= and from=, to= are two ways to say which keys: give one of them");
  if (!target.flag("count_only")) return {};
  for (const std::string_view name : {"limit", "keys_only", "sort", "order"})
    if (given(name))
      return contradiction("count_only=true shows no keys, so " + std::string(name) + "= means nothing");
  return {};
}

Status read_range(const Target& target, Listing* into) {
  if (target.parameter("from") == nullptr && target.parameter("to") == nullptr) {
    RangeRequest range;
    set_prefix(TRY(key_parameter(target, "prefix")), &range);
    into->from = range.key();
    into->end = range.range_end();
    return {};
  }
  into->from = TRY(key_parameter(target, "from"));
  into->end = TRY(key_parameter(target, "to"));
  if (target.parameter("to") == nullptr)
    into->end = kNoEnd;
  else if (into->end <= into->from)
    return contradiction("no key is from '" + into->from + "' up to before '" + into->end + "'");
  if (into->from.empty()) into->from = kNoEnd;  // the first key there can be
  return {};
}

Status read_order(const Target& target, Listing* into) {
  using Name = std::pair<std::string_view, RangeRequest::SortTarget>;
  constexpr std::array<Name, 5> kSorts = {{{"key", RangeRequest::KEY},
                                           {"create", RangeRequest::CREATE},
                                           {"mod", RangeRequest::MOD},
                                           {"version", RangeRequest::VERSION},
                                           {"value", RangeRequest::VALUE}}};
  const std::string* const sort = target.parameter("sort");
  const Name* found = &kSorts[0];
  if (sort != nullptr) {
    found = nullptr;
    for (const Name& each : kSorts)
      if (each.first == *sort) found = &each;
  }
  if (found == nullptr)
    return contradiction("unknown sort '" + *sort + "': key, create, mod, version or value");
  into->sort = found->second;
  const std::string* const order = target.parameter("order");
  if (order != nullptr && *order != "ascending" && *order != "descending")
    return contradiction("unknown order '" + *order + "': ascending or descending");
  into->descending = order != nullptr && *order == "descending";
  into->sorted = into->descending || into->sort != RangeRequest::KEY;
  return {};
}

template <class Number>
bool read_number(std::string_view text, Number* into) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), *into);
  return error == std::errc() && at == text.data() + text.size();
}

bool read_place(std::string_view place, Listing* into) {
  if (into->sorted) return read_number(place, &into->skip);
  std::optional<std::string> next = base64url_decode(place);
  if (!next || *next < into->from || (into->end != kNoEnd && *next >= into->end)) return false;
  into->from = *std::move(next);
  return true;
}

Status read_cursor(const std::string& cursor, Listing* into) {
  const std::int64_t asked = into->revision;
  const std::size_t mark = cursor.find(into->sorted ? '-' : '.');
  const bool belongs = mark != std::string::npos &&
                       read_number(std::string_view(cursor).substr(0, mark), &into->revision) &&
                       into->revision > 0 && read_place(std::string_view(cursor).substr(mark + 1), into);
  if (!belongs) return contradiction("the cursor '" + cursor + "' does not belong to this listing");
  if (asked != 0 && asked != into->revision)
    return contradiction("the cursor is of revision " + std::to_string(into->revision) +
                         ", not of rev=" + std::to_string(asked));
  return {};
}

}  // namespace

Result<Listing> listing_of(const Target& target, const Config& config) {
  TRY(only_parameters(target, {"enc", "prefix", "from", "to", "limit", "cursor", "keys_only", "count_only",
                               "sort", "order", "rev", "consistency"}));
  TRY(check_together(target));
  Listing listing;
  TRY(read_range(target, &listing));
  TRY(read_order(target, &listing));
  listing.keys_only = target.flag("keys_only");
  listing.count_only = target.flag("count_only");
  listing.limit = TRY(number_parameter(target, "limit",
                                       listing.count_only ? config.page_keys_max : config.page_keys_default));
  if (listing.limit == 0 || listing.limit > config.page_keys_max)
    return fail(Code::invalid_argument, "limit=" + std::to_string(listing.limit) + " is not within 1 to " +
                                            std::to_string(config.page_keys_max));
  listing.revision = TRY(number_parameter(target, "rev", 0));
  const std::string* const cursor = target.parameter("cursor");
  if (cursor != nullptr) TRY(read_cursor(*cursor, &listing));
  return listing;
}

std::string cursor_at(std::int64_t revision, const std::string& next_key) {
  return std::to_string(revision) + "." + base64url_encode(next_key);
}

std::string cursor_behind(std::int64_t revision, std::uint64_t keys_shown) {
  return std::to_string(revision) + "-" + std::to_string(keys_shown);
}

}  // namespace cairn::api
