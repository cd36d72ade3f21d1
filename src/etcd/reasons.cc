#include "etcd/reasons.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace cairn::etcd {
namespace {

constexpr Problem kInvalidRequest = {400, "invalid_request", "The request is not valid", ""};
constexpr Problem kKeyEmpty = {400, "key_empty", "A key is not empty",
                               "put the key behind /v1/kv/, percent-encoded"};
constexpr Problem kTooManyOperations = {400, "too_many_operations",
                                        "A transaction holds 128 operations at most",
                                        "split it; one that must be atomic cannot be larger"};
constexpr Problem kDuplicateKey = {400, "duplicate_key", "A transaction writes a key once at most",
                                   "drop the earlier of the two writes"};
constexpr Problem kFutureRevision = {400, "future_revision", "That revision does not exist yet",
                                     "a local read may lag behind: ask for consistency=linearizable"};
constexpr Problem kRevisionInvalid = {400, "idempotency_revision_invalid", "That revision does not exist yet",
                                      "is this the cluster that the revision came from?"};
constexpr Problem kLeaseNotFound = {
    404, "lease_not_found", "There is no such lease",
    "it has ended, or was revoked, and its keys went with it: grant another one"};
constexpr Problem kKeyTooOld = {
    409, "idempotency_key_too_old", "It is not known whether the write has happened",
    "read the key to find out; to write again, use a new Idempotency-Key with a newer Idempotency-Revision"};
constexpr Problem kKeyReused = {422, "idempotency_key_reused",
                                "That Idempotency-Key belongs to another request",
                                "repeat a request as it was, or give the new one a key of its own"};
constexpr Problem kAlreadyApplied = {
    409, "already_applied", "The write was applied before, and its answer is not kept", "read the keys"};
constexpr Problem kCompacted = {410, "compacted", "That revision has been compacted away",
                                "start again without a revision or cursor"};
constexpr Problem kTooLarge = {
    413, "too_large", "The request is too large",
    "one request may carry 1.5 MiB: split it, or store large values elsewhere and keep a reference here"};
constexpr Problem kTooManyRequests = {429, "too_many_requests", "The member is overloaded",
                                      "retry after a pause"};
constexpr Problem kInternal = {500, "internal", "The member failed to answer", "see its log"};
constexpr Problem kNoLeader = {
    503, "no_leader", "The cluster has no leader at the moment",
    "retry shortly; if it lasts, a majority of members is down: see /v1/status of each"};
constexpr Problem kOutcomeUnknown = {
    504, "outcome_unknown", "It is not known whether the write has happened",
    "read the key to find out, or send it again with the same Idempotency-Key: it applies once"};
constexpr Problem kTimeout = {504, "timeout", "The read was not answered in time",
                              "retry, or read this member's own state with consistency=local",
                              &kOutcomeUnknown};
constexpr Problem kCorrupt = {500, "corrupt_cluster", "An alarm says that members differ",
                              "find out which one is wrong before the alarm CORRUPT is disarmed"};
constexpr Problem kNoSpace = {
    507, "no_space", "There is no room for more data",
    "cairn status says what lacks room; keys can be read and deleted, and history compacted. Where disks are "
    "full, writes go on by themselves; where a quota is exceeded, once the alarm is disarmed"};

constexpr Problem kNoRoomHere = {
    503, "no_room_here", "The disk of this member has no room for what it lacks",
    "ask the leader or another member, or read this member's own state with consistency=local; it goes on by "
    "itself when there is room on its disk"};

constexpr Problem kNoMember = {404, "no_member", "There is no such member", "cairn members lists them"};
constexpr Problem kMembers = {409, "members_not_changed", "The members cannot be changed so, or not yet",
                              "see cairn status"};

constexpr Problem kNotAllowed = {403, "permission_denied", "This user may not do that",
                                 "cairn user get and cairn role get say what who may do"};
constexpr Problem kNotKnown = {
    401, "not_authenticated", "Users have to say who they are here",
    "log in: Authorization: Basic with name and password, or Bearer with a token of /v3/auth/authenticate"};
constexpr Problem kUsers = {409, "users_not_changed", "Users and roles cannot be changed so",
                            "see cairn user list and cairn role list"};
constexpr Problem kUsersChanged = {503, "users_have_changed", "Users or roles have changed meanwhile",
                                   "nothing was done: send it again"};

constexpr Problem kUsersNotKnown = {503, "users_not_known", "This member does not know yet who may what",
                                    "try again, or ask another member; if it lasts, there is no leader"};

constexpr Problem kMemberNotFull = {503, "member_not_full",
                                    "This member does not know yet all that it has to", "ask another member"};

using enum Applied;

constexpr Row kRows[] = {
    {Reason::key_not_provided, Code::invalid_argument, "etcdserver: key is not provided", no, kKeyEmpty},
    {Reason::key_not_found, Code::invalid_argument, "etcdserver: key not found", no, kInvalidRequest},
    {Reason::value_provided, Code::invalid_argument, "etcdserver: value is provided", no, kInvalidRequest},
    {Reason::lease_provided, Code::invalid_argument, "etcdserver: lease is provided", no, kInvalidRequest},
    {Reason::too_many_operations, Code::invalid_argument, "etcdserver: too many operations in txn request",
     no, kTooManyOperations},
    {Reason::duplicate_key, Code::invalid_argument, "etcdserver: duplicate key given in txn request", no,
     kDuplicateKey},
    {Reason::invalid_sort_option, Code::invalid_argument, "etcdserver: invalid sort option", no,
     kInvalidRequest},
    {Reason::request_too_large, Code::invalid_argument, "etcdserver: request is too large", no, kTooLarge},
    {Reason::compacted, Code::out_of_range, "etcdserver: mvcc: required revision has been compacted", no,
     kCompacted},
    {Reason::future_revision, Code::out_of_range, "etcdserver: mvcc: required revision is a future revision",
     no, kFutureRevision},
    {Reason::no_space, Code::resource_exhausted, "etcdserver: mvcc: database space exceeded", no, kNoSpace},
    {Reason::too_many_requests, Code::resource_exhausted, "etcdserver: too many requests", no,
     kTooManyRequests},
    {Reason::lease_not_found, Code::not_found, "etcdserver: requested lease not found", no, kLeaseNotFound},
    {Reason::no_leader, Code::unavailable, "etcdserver: no leader", no, kNoLeader},
    {Reason::server_stopped, Code::unavailable, "etcdserver: server stopped", unknown, kTimeout},
    {Reason::timed_out, Code::unavailable, "etcdserver: request timed out", unknown, kTimeout},
    {Reason::timed_out_leader_lost, Code::unavailable,
     "etcdserver: request timed out, possibly due to previous leader failure", unknown, kTimeout},

    {Reason::idempotency_key_too_long, Code::invalid_argument,
     "the idempotency key has {} bytes, more than {}: use a shorter one", no, kInvalidRequest},
    {Reason::idempotency_key_reused, Code::invalid_argument,
     "the idempotency key was used for a different request before: retry with the same request, or use a new "
     "key for a new one",
     no, kKeyReused},
    {Reason::idempotency_key_too_old, Code::failed_precondition,
     "the idempotency key is too old: it was made at revision {}, and keys that changed something up to "
     "revision {} are forgotten; this request was not applied, but whether an earlier one with this key was "
     "is unknown: read before you write again with a new key",
     unknown, kKeyTooOld},
    {Reason::idempotency_revision_ahead, Code::invalid_argument,
     "the idempotency-revision {} is none that this cluster's store has had (1 to {}): send the revision of "
     "an answer that came before the key was made",
     no, kRevisionInvalid},
    {Reason::idempotency_table_full, Code::resource_exhausted,
     "etcdserver: too many requests: the idempotency keys remembered for others fill the table, and none of "
     "them may be forgotten yet; this write was not applied: retry later, and send an idempotency-revision "
     "with each key",
     no, kTooManyRequests},
    {Reason::already_applied, Code::failed_precondition,
     "the request with this idempotency key was applied at revision {}, but its response of {} bytes was too "
     "large to be kept for a retry: read the keys instead",
     before, kAlreadyApplied},
    {Reason::answer_too_large, Code::resource_exhausted,
     "cairn: this request would read or answer more than {} bytes at once, and has changed nothing: list the "
     "keys by range requests, which are streamed, and write in smaller steps",
     no, kTooLarge},

    {Reason::corrupt, Code::data_loss, "etcdserver: corrupt cluster", no, kCorrupt},
    // REST v1 asks for none of these.
    {Reason::not_leader, Code::failed_precondition, "etcdserver: not leader", no, kInternal},
    {Reason::bad_leader_transferee, Code::failed_precondition, "etcdserver: bad leader transferee", no,
     kInternal},
    {Reason::wrong_downgrade_format, Code::invalid_argument,
     "etcdserver: wrong downgrade target version format", no, kInvalidRequest},
    {Reason::invalid_downgrade_version, Code::invalid_argument,
     "etcdserver: invalid downgrade target version", no, kInvalidRequest},
    {Reason::no_downgrade, Code::failed_precondition, "etcdserver: no inflight downgrade job", no, kInternal},
    {Reason::lease_exists, Code::failed_precondition, "etcdserver: lease already exists", no, kInternal},
    {Reason::lease_ttl_too_large, Code::out_of_range, "etcdserver: too large lease TTL", no, kInvalidRequest},
    {Reason::lease_table_full, Code::resource_exhausted,
     "cairn: {} leases are granted, and the state holds no more: revoke some, or attach many keys to one", no,
     kTooManyRequests},
    {Reason::no_room_here, Code::unavailable,
     "cairn: this member lags behind, as its disk has no room for what it lacks, and this was not done: "
     "ask another member",
     no, kNoRoomHere},
    // REST v1 has neither locks nor elections of its own.
    {Reason::lock_expired, Code::unknown, "mutex: session is expired", no, kInternal},
    {Reason::election_lost, Code::unknown, "election: not leader", no, kInternal},
    {Reason::election_none, Code::unknown, "election: no leader", no, kInternal},
    {Reason::election_key_missing, Code::unknown, "\"leader\" field must be provided", no, kInvalidRequest},
    {Reason::queue_calls_full, Code::resource_exhausted,
     "cairn: {} calls wait for locks and elections here, and no more can: try later, or at another member",
     no, kTooManyRequests},
    {Reason::member_not_found, Code::not_found, "etcdserver: member not found", no, kNoMember},
    {Reason::member_exists, Code::failed_precondition, "etcdserver: member ID already exist", no, kMembers},
    {Reason::peer_url_exists, Code::failed_precondition, "etcdserver: Peer URLs already exists", no,
     kMembers},
    {Reason::member_urls_invalid, Code::invalid_argument, "etcdserver: given member URLs are invalid", no,
     kInvalidRequest},
    {Reason::member_not_learner, Code::failed_precondition, "etcdserver: can only promote a learner member",
     no, kMembers},
    {Reason::learner_not_ready, Code::failed_precondition,
     "etcdserver: can only promote a learner member which is in sync with leader", no, kMembers},
    {Reason::not_enough_started, Code::failed_precondition,
     "etcdserver: re-configuration failed due to not enough started members", no, kMembers},
    {Reason::unhealthy_cluster, Code::unavailable, "etcdserver: unhealthy cluster", no, kMembers},
    {Reason::too_many_learners, Code::failed_precondition, "etcdserver: too many learner members in cluster",
     no, kMembers},
    {Reason::root_user_missing, Code::failed_precondition, "etcdserver: root user does not exist", no,
     kUsers},
    {Reason::root_role_missing, Code::failed_precondition, "etcdserver: root user does not have root role",
     no, kUsers},
    {Reason::user_exists, Code::failed_precondition, "etcdserver: user name already exists", no, kUsers},
    {Reason::user_not_found, Code::failed_precondition, "etcdserver: user name not found", no, kUsers},
    {Reason::role_exists, Code::failed_precondition, "etcdserver: role name already exists", no, kUsers},
    {Reason::role_not_found, Code::failed_precondition, "etcdserver: role name not found", no, kUsers},
    {Reason::role_not_granted, Code::failed_precondition, "etcdserver: role is not granted to the user", no,
     kUsers},
    {Reason::permission_not_granted, Code::failed_precondition,
     "etcdserver: permission is not granted to the role", no, kUsers},
    {Reason::permission_not_given, Code::invalid_argument, "etcdserver: permission not given", no,
     kInvalidRequest},
    {Reason::auth_not_enabled, Code::failed_precondition, "etcdserver: authentication is not enabled", no,
     kUsers},
    {Reason::auth_failed, Code::invalid_argument,
     "etcdserver: authentication failed, invalid user ID or password", no, kNotKnown},
    {Reason::user_empty, Code::invalid_argument, "etcdserver: user name is empty", no, kNotKnown},
    {Reason::role_empty, Code::invalid_argument, "etcdserver: role name is empty", no, kInvalidRequest},
    {Reason::invalid_auth_management, Code::invalid_argument, "etcdserver: invalid auth management", no,
     kInvalidRequest},
    {Reason::auth_revision_old, Code::invalid_argument, "etcdserver: revision of auth store is old", no,
     kUsersChanged},
    {Reason::permission_denied, Code::permission_denied, "etcdserver: permission denied", no, kNotAllowed},
    {Reason::invalid_auth_token, Code::unauthenticated, "etcdserver: invalid auth token", no, kNotKnown},
    {Reason::auth_table_full, Code::resource_exhausted,
     "cairn: {} of these are there, and the state holds no more: delete or revoke some that nobody needs", no,
     kUsers},
    {Reason::auth_bytes_full, Code::resource_exhausted,
     "cairn: users and roles may take {} bytes together, and this is more: delete some, or grant ranges in "
     "place of single keys",
     no, kUsers},
    {Reason::auth_name_too_long, Code::invalid_argument,
     "cairn: the name has {} bytes, and {} are the most: choose a shorter one", no, kInvalidRequest},
    {Reason::password_too_long, Code::invalid_argument,
     "cairn: the password has {} bytes, and bcrypt looks at no more than {}: choose a shorter one", no,
     kInvalidRequest},
    {Reason::password_holds_zero, Code::invalid_argument,
     "cairn: the password holds a zero byte, behind which bcrypt sees nothing: choose another one", no,
     kInvalidRequest},
    {Reason::passwords_waiting, Code::resource_exhausted,
     "cairn: {} passwords wait to be checked here, and no more can: try again later, and keep the token of a "
     "login instead of logging in each time",
     no, kTooManyRequests},
    {Reason::users_not_known, Code::unavailable,
     "cairn: this member was started again, and its log holds changes of users that no leader has confirmed "
     "yet: try again, or ask another member",
     no, kUsersNotKnown},
    {Reason::member_not_full, Code::unavailable,
     "cairn: this member is being taken in, and may know less than what was acknowledged: ask another one",
     no, kMemberNotFull},
};

constexpr bool has_a_row_for_each_reason() {
  if (std::size(kRows) + 1 != static_cast<std::size_t>(Reason::end)) return false;
  for (std::size_t i = 0; i < std::size(kRows); ++i)
    if (kRows[i].reason != static_cast<Reason>(i + 1)) return false;
  return true;
}
static_assert(has_a_row_for_each_reason(), "every reason has a row, in the order of the enum");

struct Meaning {
  Applied applied;
  const Problem& problem;
};

Meaning meaning_of(Code code) {
  switch (code) {
    case Code::invalid_argument:
      return {no, kInvalidRequest};
    case Code::resource_exhausted:
      return {no, kTooManyRequests};
    case Code::cancelled:
    case Code::unknown:
    case Code::deadline_exceeded:
    case Code::unavailable:
      return {unknown, kTimeout};
    case Code::ok:
    case Code::not_found:
    case Code::permission_denied:
    case Code::failed_precondition:
    case Code::aborted:
    case Code::out_of_range:
    case Code::unimplemented:
    case Code::internal:
    case Code::data_loss:
    case Code::unauthenticated:
      break;
  }
  return {no, kInternal};
}

Meaning meaning_of(const Error& error) {
  if (error.reason == Reason::unnamed) return meaning_of(error.code);
  const Row& row = row_of(error.reason);
  return {row.applied, row.problem};
}

constexpr std::string_view kValue = "{}";

// Whether the message is that text with any values.
bool matches(std::string_view text, std::string_view message) {
  const std::size_t first = text.find(kValue);
  if (first == std::string_view::npos) return message == text;
  const std::string_view end = text.substr(text.rfind(kValue) + kValue.size());
  return message.starts_with(text.substr(0, first)) && message.ends_with(end);
}

}  // namespace

const Row& row_of(Reason reason) {
  const auto place = static_cast<std::size_t>(reason) - 1;  // wraps for the one that has none
  CHECK(place < std::size(kRows));
  return kRows[place];
}

Applied applied_of(const Error& error) { return meaning_of(error).applied; }

const Problem& problem_of(const Error& error, bool is_write) {
  const Problem& problem = meaning_of(error).problem;
  return is_write && problem.of_write != nullptr ? *problem.of_write : problem;
}

Error error_of(Reason reason, std::initializer_list<std::int64_t> values) {
  const Row& row = row_of(reason);
  Error error{row.code, "", reason};
  std::string_view rest = row.text;
  for (const std::int64_t value : values) {
    const std::size_t place = rest.find(kValue);
    CHECK(place != std::string_view::npos);
    error.message.append(rest.substr(0, place)).append(std::to_string(value));
    rest.remove_prefix(place + kValue.size());
  }
  CHECK(rest.find(kValue) == std::string_view::npos);
  error.message.append(rest);
  return error;
}

Error error_of(Code code, std::string message) {
  const Reason reason = reason_of(code, message);
  return {code, std::move(message), reason};
}

Reason reason_of(Code code, std::string_view message) {
  for (const Row& row : kRows)
    if (row.code == code && matches(row.text, message)) return row.reason;
  return Reason::unnamed;
}

}  // namespace cairn::etcd
