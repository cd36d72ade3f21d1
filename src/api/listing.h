// Listing: what GET /v1/kv asks for, from its query parameters; what contradicts itself is refused. Pure.
// A cursor pins the revision of the first page, so that all pages together are one consistent state, and says
// where the next one begins: "42.KEY" at a key, "42-100" behind so many keys of a sorted listing.
#pragma once

#include <cstdint>
#include <string>

#include "api/api.h"
#include "api/router.h"
#include "base/result.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

struct Listing {
  std::string from, end;      // keys from `from` up to before `end`, as etcd writes a range
  std::int64_t revision = 0;  // 0: the newest
  std::int64_t limit = 0;
  bool keys_only = false, count_only = false;
  bool sorted = false;  // in another order than by key, ascending
  etcdserverpb::RangeRequest::SortTarget sort = etcdserverpb::RangeRequest::KEY;
  bool descending = false;
  std::uint64_t skip = 0;  // sorted: keys that the pages before have shown
};

Result<Listing> listing_of(const Target& target, const Config& config);

std::string cursor_at(std::int64_t revision, const std::string& next_key);
std::string cursor_behind(std::int64_t revision, std::uint64_t keys_shown);

}  // namespace cairn::api
