// The conditional headers of RFC 9110 13. The entity tag of a key is its mod revision in quotes, with "-json"
// behind it for the whole pair as JSON, which is another representation. On a write If-Match and
// If-None-Match become compares of a transaction; on a read they decide between 200, 304 and 412.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/rest.h"

namespace cairn::api {

enum class Representation : std::uint8_t { raw, json };

struct EntityTag {
  std::int64_t revision = 0;
  Representation of = Representation::raw;
  bool weak = false;
};
std::string etag_of(std::int64_t mod_revision, Representation of);

// What stands in one of the two headers.
struct TagCondition {
  bool any = false;  // "*"
  std::vector<EntityTag> tags;
};
// "*", or entity tags with commas between them.
std::optional<TagCondition> parse_tags(std::string_view value);

// A condition that this path does not know is refused: who sends it would believe that it holds. On a key
// only those that go by dates, which keys have not.
Status check_conditions(const RestCall& rest, bool is_key);

// Adds what the headers demand of a write. True when there was a condition.
Result<bool> add_preconditions(const RestCall& rest, const std::string& key, etcdserverpb::TxnRequest* txn);

// What the headers make of a read that finds the key: 200, 304 or 412.
Result<int> status_of_read(const RestCall& rest, std::int64_t mod_revision, Representation of);

// Adds a keys-only read of the key to the branch that is taken when the condition fails.
void report_current_otherwise(const std::string& key, etcdserverpb::TxnRequest* txn);

// 412, with the current entity tag that the failure branch has read.
void refuse_precondition(RestCall& rest, const etcdserverpb::TxnResponse& response, std::int64_t revision);
void refuse_precondition(RestCall& rest, std::optional<std::int64_t> mod_revision, std::int64_t revision);

}  // namespace cairn::api
