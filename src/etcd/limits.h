// Limits of one request, as etcd has them unless a line says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::etcd {

constexpr std::size_t kRequestBytesMax = std::size_t{3} << 19;  // 1.5 MiB of one serialized write

// Checked before a request enters the log, and of whatever the log holds.
struct RequestLimits {
  std::size_t txn_ops_max = 128;
  // A request travels inside a batch, and back inside a note: what parses on its own must parse there too, or
  // one client's nesting would make a whole entry unreadable. Protobuf reads 100 levels; a txn takes two.
  // Ours.
  std::size_t txn_nesting_max = 32;
  std::size_t idempotency_key_bytes_max = 256;  // ours
  std::int64_t lease_ttl_max_s = 9'000'000'000;
};

}  // namespace cairn::etcd
