// If-Match and If-None-Match as compares of a transaction: the entity tag of a key is its mod revision in
// quotes.
#pragma once

#include <optional>
#include <string>

#include "api/rest.h"

namespace cairn::api {

std::string etag_of(std::int64_t mod_revision);

// One entity tag, `"42"`; null for lists, weak tags and anything else.
std::optional<std::int64_t> revision_of_etag(std::string_view tag);

// Adds what the headers demand. True when there was a condition.
Result<bool> add_preconditions(const RestCall& rest, const std::string& key, etcdserverpb::TxnRequest* txn);

// Adds a keys-only read of the key to the branch that is taken when the condition fails.
void report_current_otherwise(const std::string& key, etcdserverpb::TxnRequest* txn);

// 412, with the current entity tag that the failure branch has read.
void refuse_precondition(RestCall& rest, const etcdserverpb::TxnResponse& response, std::int64_t revision);

}  // namespace cairn::api
