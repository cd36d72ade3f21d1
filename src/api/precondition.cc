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

bool given_twice(const RestCall& rest, std::string_view name) {
  const rpc::Headers& headers = rest.request().headers;
  return std::count_if(headers.begin(), headers.end(),
                       [name](const auto& header) { return header.first == name; }) > 1;
}

tl::unexpected<Error> bad_tag(std::string_view header, std::string_view value) {
  return fail(Code::invalid_argument,
              std::string(header) + ": '" + std::string(value) + "'" +
                  " is not one entity tag like \"42\" (the mod revision in quotes) or *");
}

}  // namespace

std::string etag_of(std::int64_t mod_revision) { return "\"" + std::to_string(mod_revision) + "\""; }

std::optional<std::int64_t> revision_of_etag(std::string_view tag) {
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  std::int64_t revision = 0;
  const char* const end = tag.data() + tag.size() - 1;
  const auto [at, error] = std::from_chars(tag.data() + 1, end, revision);
  if (error != std::errc() || at != end || revision < 0) return std::nullopt;
  return revision;
}

Result<bool> add_preconditions(const RestCall& rest, const std::string& key, etcdserverpb::TxnRequest* txn) {
  for (const std::string_view name : {"if-match", "if-none-match"})
    if (given_twice(rest, name))
      return fail(Code::invalid_argument, std::string(name) + " is given twice: a key has one entity tag");
  const auto match = rest.header("if-match"), none_match = rest.header("if-none-match");
  if (match) {
    if (*match == "*") {
      Compare* compare = add_compare(txn, key, Compare::GREATER);
      compare->set_target(Compare::CREATE);
      compare->set_create_revision(0);
    } else {
      const std::optional<std::int64_t> revision = revision_of_etag(*match);
      if (!revision) return bad_tag("If-Match", *match);
      Compare* compare = add_compare(txn, key, Compare::EQUAL);
      compare->set_target(Compare::MOD);
      compare->set_mod_revision(*revision);
      // "0" is the tag of no key at all; it never matches one.
      if (*revision == 0) compare->set_result(Compare::LESS);
    }
  }
  if (none_match) {
    if (*none_match == "*") {
      Compare* compare = add_compare(txn, key, Compare::EQUAL);
      compare->set_target(Compare::CREATE);
      compare->set_create_revision(0);
    } else {
      const std::optional<std::int64_t> revision = revision_of_etag(*none_match);
      if (!revision) return bad_tag("If-None-Match", *none_match);
      Compare* compare = add_compare(txn, key, Compare::NOT_EQUAL);
      compare->set_target(Compare::MOD);
      compare->set_mod_revision(*revision);
    }
  }
  return txn->compare_size() > 0;
}

void report_current_otherwise(const std::string& key, etcdserverpb::TxnRequest* txn) {
  etcdserverpb::RangeRequest* range = txn->add_failure()->mutable_request_range();
  range->set_key(key);
  range->set_keys_only(true);
}

void refuse_precondition(RestCall& rest, const etcdserverpb::TxnResponse& response, std::int64_t revision) {
  std::string current;
  if (response.responses_size() > 0 && response.responses(0).response_range().kvs_size() > 0)
    current = etag_of(response.responses(0).response_range().kvs(0).mod_revision());
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
