// What a client says of the one write that it intends, in headers or metadata: `idempotency-key` and
// `idempotency-revision`. docs/rest-api.md has what is promised.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::api {

constexpr std::string_view kBadIdempotencyRevision =
    "idempotency-revision is a revision that the store had before the key was made, 1 or more, and comes "
    "with "
    "an idempotency-key";

// 0: the client says none. Nothing: not a revision, or one without a key.
std::optional<std::int64_t> idempotency_revision(std::string_view key, std::string_view text);

}  // namespace cairn::api
