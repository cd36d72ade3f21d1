// Limits of mvcc/. Fields of a kind stand together. Every number may be as small as 1, and the results are
// the same state machine, only a narrower one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "etcd/limits.h"

namespace cairn::mvcc {

// How work is cut into pieces: shows nowhere in the state or in an answer.
struct StepLimits {
  std::size_t compact_records =
      256;                          // superseded records dropped an apply, and four for each change it makes
  std::size_t free_objects = 1024;  // of what no view needs any more, an apply
  std::size_t range_records = 512;  // that one step of a long answer looks at
  std::size_t small_value_bytes = std::size_t{16} << 10;  // up to this, a single key is answered at once
  // A saved state is handed over in such pieces; one is a chunk of a snapshot, which is then not copied.
  std::size_t save_bytes = std::size_t{1} << 20;
  std::size_t load_bytes = std::size_t{64} << 10;  // read at once
  std::size_t trusted_bytes = std::size_t{1}
                              << 20;  // the memory that a length may cost before its bytes come
};

struct Limits {
  // These are part of what the state is a function of: the same on every member, so no flag sets them.
  etcd::RequestLimits request{};
  // Of remembered idempotency keys; those that came with a revision are forgotten first, oldest first, and
  // without any such one a new key is refused.
  std::size_t sessions_max = 100000;
  std::size_t session_bytes_max = 64 << 20;      // of keys and outcomes; the newest may exceed it
  std::size_t session_body_bytes_max = 1 << 20;  // an outcome with a larger body is remembered without it
  std::int64_t session_ttl_ms = 600'000;         // by the log's clock; afterwards a key is forgotten
  std::int64_t session_step_ms_max = 300'000;    // as far as one entry can move that clock
  std::uint32_t members_max = 1000;              // known to the state
  std::uint32_t member_urls_max = 1000;          // of one member, of each kind
  std::uint32_t alarms_max = 2000;               // of each member both kinds
  std::uint32_t text_bytes_max = 64 << 10;       // of a name, a URL, an error text
  std::size_t leases_max = 4'000'000;
  std::size_t users_max = 10'000;
  std::size_t roles_max = 10'000;
  std::size_t user_roles_max = 256;                    // of one user
  std::size_t role_permissions_max = 10'000;           // of one role
  std::size_t auth_bytes_max = std::size_t{16} << 20;  // of names, hashes and keys of users and roles
  std::size_t auth_name_bytes_max = 256;
  // Of logins that last. The oldest one makes room: of the same user, or of all.
  std::size_t tokens_max = 10'000;
  std::size_t user_tokens_max = 1'000;

  StepLimits step{};
};

}  // namespace cairn::mvcc
