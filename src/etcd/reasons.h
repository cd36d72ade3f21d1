// Reasons: why a request is refused. One row each says everything about it: the gRPC code, the text that
// clients compare, what REST v1 makes of it, and whether a write that ends so may have been applied. Code
// compares reasons; a text is read only where bytes came from elsewhere (reason_of). No row, no build. A
// row's text never changes: it is in logs, snapshots and clients. docs/errors.md shows the table. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn {

enum class Reason : std::uint8_t {
  unnamed,  // its code says all there is to say
  // etcd's
  key_not_provided,
  key_not_found,
  value_provided,
  lease_provided,
  too_many_operations,
  duplicate_key,
  invalid_sort_option,
  request_too_large,
  compacted,
  future_revision,
  no_space,
  too_many_requests,
  lease_not_found,
  no_leader,
  server_stopped,
  timed_out,
  timed_out_leader_lost,
  // of what etcd does not have: idempotency keys, and a bound on what is read and answered at once
  idempotency_key_too_long,
  idempotency_key_reused,
  idempotency_key_too_old,
  idempotency_revision_ahead,
  idempotency_table_full,
  already_applied,
  answer_too_large,
  // of alarms and maintenance, etcd's
  corrupt,
  not_leader,
  bad_leader_transferee,
  wrong_downgrade_format,
  invalid_downgrade_version,
  no_downgrade,
  // of leases
  lease_exists,
  lease_ttl_too_large,
  lease_table_full,
  // of a member whose disk is full while others' are not
  no_room_here,
  // of locks and elections
  lock_expired,
  election_lost,
  election_none,
  election_key_missing,
  queue_calls_full,
  // of changes of the members, etcd's
  member_not_found,
  member_exists,
  peer_url_exists,
  member_urls_invalid,
  member_not_learner,
  learner_not_ready,
  not_enough_started,
  unhealthy_cluster,
  too_many_learners,
  // of users and roles, etcd's
  root_user_missing,
  root_role_missing,
  user_exists,
  user_not_found,
  role_exists,
  role_not_found,
  role_not_granted,
  permission_not_granted,
  permission_not_given,
  auth_not_enabled,
  auth_failed,
  user_empty,
  role_empty,
  invalid_auth_management,
  auth_revision_old,
  permission_denied,
  invalid_auth_token,
  // and of their bounds, ours
  auth_table_full,
  auth_bytes_full,
  auth_name_too_long,
  password_too_long,
  password_holds_zero,
  passwords_waiting,
  users_not_known,
  member_not_full,
  end  // how many there are
};

namespace etcd {

// Whether the write that is refused, if it is one, has happened all the same.
enum class Applied : std::uint8_t { no, unknown, before };

// A problem type of RFC 9457: the status of the answer and what its body says, but for the values.
struct Problem {
  int status;
  std::string_view code, title, hint;  // code: stable, for programs; hint: what to do next, may be empty
  const Problem* of_write = nullptr;   // what it is when a write ends so, if something else
};

struct Row {
  Reason reason;
  Code code;
  std::string_view text;  // each {} stands for a value
  Applied applied;
  const Problem& problem;
};

const Row& row_of(Reason reason);  // any but unnamed

// What the error means to whoever gets it, by its reason, or by its code when that is not named.
Applied applied_of(const Error& error);
const Problem& problem_of(const Error& error, bool is_write);

// `values` fill the {} of the text: as many.
Error error_of(Reason reason, std::initializer_list<std::int64_t> values = {});
// An error that came as bytes, from the log, a snapshot or another member, perhaps of another version.
Error error_of(Code code, std::string message);
Reason reason_of(Code code, std::string_view message);

}  // namespace etcd

inline tl::unexpected<Error> fail(Reason reason, std::initializer_list<std::int64_t> values = {}) {
  return tl::unexpected<Error>(etcd::error_of(reason, values));
}

}  // namespace cairn
