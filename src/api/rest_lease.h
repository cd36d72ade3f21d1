// Leases as REST names them: 16 hexadecimal digits, as everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/rest.h"
#include "base/result.h"

namespace cairn::api {

std::string lease_name(std::int64_t id);
Result<std::int64_t> lease_id_from(std::string_view text);

// Of a put: what ?ttl= or ?lease= say. Nothing chosen: it has none. Without a TTL: one that there is.
Result<mvcc::LeaseChoice> lease_of(const RestCall& rest);

}  // namespace cairn::api
