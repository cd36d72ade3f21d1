#include "api/precondition.h"

#include <algorithm>
#include <charconv>

namespace cairn::api {
namespace {

using etcdserverpb::Compare;

Compare* add_compare(etcdserverpb::TxnRequest* txn, const std::string& key, Compare::CompareResult result) {
  Compare* compare = txn->add_compare();
  compare->set_key(key);
  compare->set_result(result);
  return compare;
}

constexpr std::string_view kJsonSuffix = "-json";

// A condition that never holds.
void add_never(etcdserverpb::TxnRequest* txn, const std::string& key) {
  Compare* compare = add_compare(txn, key, Compare::LESS);
  compare->set_target(Compare::MOD);
  compare->set_mod_revision(0);
}

void add_exists(etcdserverpb::TxnRequest* txn, const std::string& key, bool exists) {
  Compare* compare = add_compare(txn, key, exists ? Compare::GREATER : Compare::EQUAL);
  compare->set_target(Compare::CREATE);
  compare->set_create_revision(0);
}

// As it is written in the RFC; headers come in lower case.
std::string spelled(std::string_view name) {
  std::string text(name);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (i == 0 || text[i - 1] == '-') text[i] = static_cast<char>(text[i] - 'a' + 'A');
  return text;
}

Result<std::optional<TagCondition>> condition_of(const RestCall& rest, std::string_view name) {
  const auto value = rest.header(name);
  if (!value) return std::optional<TagCondition>();
  if (rest.given_twice(name))
    return fail(Code::invalid_argument, spelled(name) + " is given twice: write one list");
  std::optional<TagCondition> condition = parse_tags(*value);
  if (!condition)
    return fail(Code::invalid_argument, spelled(name) + ": '" + std::string(*value) +
                                            "' is not * or a list of entity tags like \"42\" (the mod "
                                            "revision in quotes)");
  return condition;
}

void trim_front(std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(" \t"), text->size()));
}

std::optional<EntityTag> take_tag(std::string_view* text) {
  EntityTag tag;
  tag.weak = text->starts_with("W/");
  if (tag.weak) text->remove_prefix(2);
  const std::size_t end = text->find('"', 1);
  if (!text->starts_with('"') || end == std::string_view::npos) return std::nullopt;
  std::string_view opaque = text->substr(1, end - 1);
  text->remove_prefix(end + 1);
  if (opaque.ends_with(kJsonSuffix)) {
    tag.of = Representation::json;
    opaque.remove_suffix(kJsonSuffix.size());
  }
  const auto [at, error] = std::from_chars(opaque.data(), opaque.data() + opaque.size(), tag.revision);
  if (opaque.empty() || error != std::errc() || at != opaque.data() + opaque.size() || tag.revision < 0)
    return std::nullopt;
  return tag;
}

// RFC 9110 13.1.1: by strong comparison, which no weak tag passes.
Status add_match(const TagCondition& condition, const std::string& key, etcdserverpb::TxnRequest* txn) {
  if (condition.any) {
    add_exists(txn, key, true);
    return {};
  }
  std::optional<std::int64_t> wanted;
  for (const EntityTag& tag : condition.tags) {
    if (tag.weak || tag.revision == 0) continue;  // "0" is the tag of no key at all
    if (wanted && *wanted != tag.revision)
      return fail(Code::invalid_argument,
                  "If-Match names several revisions: a write can be made if the key is at one of them");
    wanted = tag.revision;
  }
  if (!wanted) {
    add_never(txn, key);
    return {};
  }
  Compare* compare = add_compare(txn, key, Compare::EQUAL);
  compare->set_target(Compare::MOD);
  compare->set_mod_revision(*wanted);
  return {};
}

void add_none_match(const TagCondition& condition, const std::string& key, etcdserverpb::TxnRequest* txn) {
  if (condition.any) return add_exists(txn, key, false);
  for (const EntityTag& tag : condition.tags) {
    Compare* compare = add_compare(txn, key, Compare::NOT_EQUAL);
    compare->set_target(Compare::MOD);
    compare->set_mod_revision(tag.revision);
  }
}

}  // namespace

std::string etag_of(std::int64_t mod_revision, Representation of) {
  return "\"" + std::to_string(mod_revision) +
         (of == Representation::json ? std::string(kJsonSuffix) : std::string()) + "\"";
}

std::optional<TagCondition> parse_tags(std::string_view text) {
  trim_front(&text);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  if (text == "*") return TagCondition{.any = true, .tags = {}};
  TagCondition condition;
  while (true) {
    const std::optional<EntityTag> tag = take_tag(&text);
    if (!tag) return std::nullopt;
    condition.tags.push_back(*tag);
    trim_front(&text);
    if (text.empty()) return condition;
    if (!text.starts_with(',')) return std::nullopt;
    text.remove_prefix(1);
    trim_front(&text);
  }
}

Status check_conditions(const RestCall& rest, bool is_key) {
  for (const std::string_view name : {"if-modified-since", "if-unmodified-since", "if-range"})
    if (rest.header(name))
      return fail(Code::invalid_argument,
                  spelled(name) +
                      " is not understood: keys have revisions and no dates; use If-Match or "
                      "If-None-Match with the ETag of a key");
  for (const std::string_view name : {"if-match", "if-none-match"})
    if (!is_key && rest.header(name))
      return fail(Code::invalid_argument,
                  spelled(name) +
                      " is for one key, at /v1/kv/{key}: what concerns several goes to "
                      "/v1/txn, with its conditions in the body");
  return {};
}

Result<bool> add_preconditions(const RestCall& rest, const std::string& key, etcdserverpb::TxnRequest* txn) {
  if (const auto match = TRY(condition_of(rest, "if-match"))) TRY(add_match(*match, key, txn));
  if (const auto none = TRY(condition_of(rest, "if-none-match"))) add_none_match(*none, key, txn);
  return txn->compare_size() > 0;
}

Result<int> status_of_read(const RestCall& rest, std::int64_t mod_revision, Representation of) {
  const auto match = TRY(condition_of(rest, "if-match")), none = TRY(condition_of(rest, "if-none-match"));
  if (match && !match->any && std::none_of(match->tags.begin(), match->tags.end(), [&](const EntityTag& tag) {
        return !tag.weak && tag.revision == mod_revision;
      }))
    return 412;
  if (none && (none->any || std::any_of(none->tags.begin(), none->tags.end(), [&](const EntityTag& tag) {
                 return tag.revision == mod_revision && tag.of == of;
               })))
    return 304;
  return 200;
}

void report_current_otherwise(const std::string& key, etcdserverpb::TxnRequest* txn) {
  etcdserverpb::RangeRequest* range = txn->add_failure()->mutable_request_range();
  range->set_key(key);
  range->set_keys_only(true);
}

void refuse_precondition(RestCall& rest, const etcdserverpb::TxnResponse& response, std::int64_t revision) {
  std::optional<std::int64_t> current;
  if (response.responses_size() > 0 && response.responses(0).response_range().kvs_size() > 0)
    current = response.responses(0).response_range().kvs(0).mod_revision();
  refuse_precondition(rest, current, revision);
}

void refuse_precondition(RestCall& rest, std::optional<std::int64_t> mod_revision, std::int64_t revision) {
  const std::string current = mod_revision ? etag_of(*mod_revision, Representation::raw) : "";
  const std::string detail = current.empty() ? "the key does not exist" : "the key is at " + current;
  rpc::HttpResponse out =
      to_response({.status = 412,
                   .code = "precondition_failed",
                   .title = "The key has changed",
                   .detail = detail,
                   .hint = "read it again and decide anew; its ETag is what If-Match wants"},
                  rest.leader().url);
  if (!current.empty()) out.headers.emplace_back("etag", current);
  out.headers.emplace_back("cairn-revision", std::to_string(revision));
  rest.respond(std::move(out));
}

}  // namespace cairn::api
