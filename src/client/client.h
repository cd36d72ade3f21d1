// Client: Cairn from C++, over REST v1. This header needs the standard library only.
// It finds the leader by following redirects and remembers it, tries the next endpoint when one is down, and
// backs off while an election runs, until the timeout. Every write carries an idempotency key, so that its
// retries apply once. Threading: one thread at a time; make one Client a thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cairn::client {

enum class Reason {
  key_not_found,
  lease_not_found,      // it has ended, or never was
  precondition_failed,  // the key is not as expected; nothing was written
  unreachable,          // nobody listens at any endpoint; nothing was written
  unavailable,          // no leader or overloaded until the timeout; nothing was written
  timeout,              // a read was not answered in time
  outcome_unknown,      // a write was sent, and whether it has happened is not known
  invalid,              // the request can never succeed: too large, empty key, ...
  compacted,            // the revision asked for is gone
  refused,              // the server refused for another reason
};

struct Error {
  Reason reason = Reason::refused;
  std::string code;               // the server's stable code, for example "no_leader"; may be empty
  std::string message;            // what happened, with which values
  std::string hint;               // what to do next; may be empty
  std::string endpoint;           // who said so
  std::string idempotency_key{};  // of a write whose outcome is unknown: repeated under it, it applies once
};

// Either a value or an Error.
template <class T>
class [[nodiscard]] Answer {
 public:
  Answer(T value) : held_(std::move(value)) {}      // NOLINT: conversions are the point
  Answer(Error error) : held_(std::move(error)) {}  // NOLINT
  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return std::get<0>(held_); }
  const T& operator*() const { return std::get<0>(held_); }
  T* operator->() { return &std::get<0>(held_); }
  const T* operator->() const { return &std::get<0>(held_); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

struct KeyValue {
  std::string key, value;
  std::int64_t create_revision = 0, mod_revision = 0, version = 0;
};

enum class Consistency {
  automatic,     // linearizable when the leader answers, local at a follower
  linearizable,  // sees every write that ended before the read began
  local,         // what the asked member has, possibly behind
};

// How an answer was read: never `automatic`.
struct ReadFrom {
  Consistency consistency = Consistency::linearizable;
  bool leader_known = true;  // to the member that answered
};
struct Found : KeyValue {
  ReadFrom from{};
};

struct Written {
  std::int64_t revision = 0;
};
struct Deleted {
  std::int64_t count = 0, revision = 0;
};

// What compare-and-set expects: exactly one of the three.
struct Expect {
  std::optional<std::string> value;
  std::optional<std::int64_t> mod_revision;
  bool absent = false;
};

struct Operation {
  enum class Kind { put, del };
  Kind kind = Kind::put;
  std::string key, value;
};
constexpr std::size_t kBatchOperationsMax = 128;

struct ListOptions {
  std::int64_t limit = 100;
  std::string cursor;  // of the page before
  bool keys_only = false;
  Consistency consistency = Consistency::automatic;
  // Instead of a prefix, which must be empty then: keys from `from` up to before `to`.
  std::optional<std::string> from{}, to{};
  std::int64_t revision = 0;  // as it was at this revision; 0: now
};
struct Page {
  std::vector<KeyValue> kvs;
  std::int64_t revision = 0;
  bool more = false;
  std::string cursor;  // for the next page, when there are more
  ReadFrom from{};
};

struct Count {
  std::int64_t count = 0, revision = 0;
  ReadFrom from{};
};

enum class Only { all, puts, deletions };
struct WatchOptions {
  std::string key;                  // this key...
  bool prefix = false;              // ...or all that begin with it...
  std::optional<std::string> to{};  // ...or all from it up to before this one
  std::int64_t from_revision = 0;   // the first change that is wanted; 0: what comes next
  bool previous = false;            // with what was there before
  Only only = Only::all;
};
struct Change {
  bool is_deletion = false;
  KeyValue now;  // of a deletion: the key, and the revision that deleted it
  std::optional<KeyValue> previous{};
};
// All changes up to a revision, in order; those of one revision are never apart.
struct Changes {
  std::vector<Change> changes;  // none: nothing has happened while we waited
  std::int64_t revision = 0;    // watch on from the one behind it
};

struct Lease {
  std::string id;                      // 16 hexadecimal digits
  std::chrono::seconds ttl{};          // what it was granted for; of lease(): what is left
  std::chrono::seconds granted_ttl{};  // of lease()
  std::vector<std::string> keys{};     // of lease(), if they were asked for
};
struct LeasePage {
  std::vector<Lease> leases;  // by id
  bool more = false;
};

struct Member {
  std::string id, name;
  std::vector<std::string> peer_urls, client_urls;
  bool learner = false, leader = false;
};
// One change of the members. `member`: an id, as Member has it.
struct MembersChange {
  enum class Kind { list, add, remove, promote, update };
  Kind kind = Kind::list;
  std::string member{};                  // of all but add
  std::vector<std::string> peer_urls{};  // of add and update: where the others reach it
  bool learner = false;                  // of add: it votes once it is promoted, and not by itself
};
struct MembersNow {
  std::vector<Member> members;  // after the change; nothing says who leads
  std::string added;            // of add: the id that it was given
};

// On a range of keys, as etcd writes one: without a range_end the key alone, with "\0" every key from it on.
struct Permission {
  bool reads = true, writes = false;
  std::string key, range_end;
};
// One look at, or change of, users and roles. `user`, `role`: of those that are about one.
struct UsersOrder {
  enum class Kind {
    enable,
    disable,
    status,
    user_add,
    user_delete,
    user_password,
    user_list,
    user_get,
    user_grant,
    user_revoke,
    role_add,
    role_delete,
    role_list,
    role_get,
    role_grant,
    role_revoke,
  };
  Kind kind = Kind::status;
  std::string user{}, role{};
  std::string password{};      // of user_add and user_password
  bool no_password = false;    // of user_add: logs in by none
  Permission permission = {};  // of role_grant; of role_revoke its range
};
struct UsersTold {
  bool enabled = false;  // of status
  std::string revision;  // likewise, of users and roles
  std::vector<std::string> users, roles;
  std::vector<Permission> permissions;  // of role_get
};

struct Follower {
  std::string id, state, stuck;  // stuck: why it stays behind; empty: it does not
  bool active = false, behind = false;
  std::optional<std::uint64_t> behind_entries;  // null: the leader has not heard of it yet
};
struct Alarm {
  std::string member;  // id
  std::string name;    // NOSPACE, CORRUPT
};
struct Status {
  std::string endpoint, name, id, cluster_id, version, summary, role;
  std::string leader_name, leader_url;       // empty: none
  std::string log_space;                     // on its disk: plenty, low, none
  std::optional<bool> healthy;               // everybody who votes counts; a leader alone knows
  std::optional<double> leaderless_seconds;  // it knows of no leader, since so long
  std::uint64_t term = 0, commit_index = 0, applied_index = 0, last_index = 0, snapshot_index = 0;
  std::int64_t revision = 0, compact_revision = 0;
  std::uint64_t keys = 0, size_bytes = 0, size_in_use_bytes = 0;
  std::optional<std::uint64_t> live_bytes, history_bytes, log_memory_bytes;   // of its memory
  std::optional<std::uint64_t> quota_bytes;                                   // for these; null: none
  std::vector<Alarm> alarms;                                                  // that stand, as it knows
  std::optional<std::uint64_t> log_bytes, disk_free_bytes, disk_total_bytes;  // of its data directory
  bool full = true;             // it remembers all that it has promised, and counts
  std::string waits_for;        // in words; empty: for nobody
  bool peer_port_open = false;  // whoever reaches that may speak as a member
  std::vector<Member> members;
  std::vector<Follower> followers;
};

// Of https endpoints, PEM files. A server is believed that has a certificate of the CA, for the host it is
// asked by.
struct Tls {
  std::string ca_file;                     // empty: whom this machine trusts
  std::string certificate_file, key_file;  // shown to servers; empty: none
};

// Who asks, where users are asked who they are.
struct User {
  std::string name;  // empty: nobody
  std::string password{};
};

struct Options {
  std::vector<std::string> endpoints = {"http://127.0.0.1:2379"};
  std::chrono::milliseconds timeout{5000};                        // of one call, with all its retries
  std::chrono::milliseconds backoff_first{10}, backoff_max{320};  // between retries, doubled each time
  // A member that hangs gets its share of the timeout, half of it at most, and at least this.
  std::chrono::milliseconds share_min{1000};
  // With less time left a write is not tried again: its answer might come too late, and its outcome be
  // unknown.
  std::chrono::milliseconds retry_min{200};
  // A watch asks anew after so long without news: a member that hangs is found out by then.
  std::chrono::milliseconds watch_question{5000};
  int redirects_max = 8;             // in a row; members that point at one another need time, not haste
  std::size_t connections_max = 64;  // kept open; beyond, all are closed
  Tls tls = {};
  User user = {};
};

class Transport;

class Client {
 public:
  explicit Client(Options options);
  // For tests: speaks through `transport`.
  Client(Options options, std::unique_ptr<Transport> transport);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  Answer<Found> get(std::string_view key, Consistency consistency = Consistency::automatic,
                    std::int64_t revision = 0);
  // `idempotency_key`: empty makes a fresh one; give your own to retry over restarts of your program, within
  // ten minutes (docs/rest-api.md).
  Answer<Written> put(std::string_view key, std::string_view value, std::string_view idempotency_key = "");
  Answer<Deleted> del(std::string_view key, std::string_view idempotency_key = "");
  Answer<Deleted> del_prefix(std::string_view prefix, std::string_view idempotency_key = "");
  // precondition_failed when the key is not as expected.
  Answer<Written> cas(std::string_view key, const Expect& expect, std::string_view value,
                      std::string_view idempotency_key = "");
  // All at one revision or not at all; at most kBatchOperationsMax, each key once.
  Answer<Written> batch(const std::vector<Operation>& operations, std::string_view idempotency_key = "");
  Answer<Page> list(std::string_view prefix, const ListOptions& options = {});
  // How many keys there are; `options` without a limit, a cursor or keys_only.
  Answer<Count> count(std::string_view prefix, const ListOptions& options = {});
  // What happens next to the keys: waits for it, so long at most, at any member that has a leader, and at
  // another when that one fails. Asked again from the revision behind the answer's, nothing is missed and
  // nothing told twice. `compacted`: some of what was asked for is gone. See Watch.
  Answer<Changes> watch(const WatchOptions& what, std::chrono::milliseconds wait);
  Answer<Lease> grant_lease(std::chrono::seconds ttl, std::string_view idempotency_key = "");
  Answer<Lease> keep_lease_alive(const std::string& id);
  Answer<Lease> lease(const std::string& id, bool with_keys = false);
  Answer<Written> revoke_lease(const std::string& id, std::string_view idempotency_key = "");
  Answer<LeasePage> leases(const std::string& after = "", std::int64_t limit = 1000);
  // Puts the key with that lease unless it is there; answers with what is there then.
  Answer<KeyValue> put_once(std::string_view key, std::string_view value, const std::string& lease);
  // Time as this client measures it.
  std::chrono::steady_clock::time_point now();
  Answer<std::vector<Member>> members();
  // At any member; of Kind::list what is newest. Not tried again once it may have been made: outcome_unknown.
  Answer<MembersNow> change_members(const MembersChange& change);
  // At any member. Not tried again once it may have been made: outcome_unknown.
  Answer<UsersTold> users(const UsersOrder& order);
  // Of the member at exactly this endpoint.
  Answer<Status> status(const std::string& endpoint);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A watch that goes on from where it was:
//   Watch watch(client, {.key = "config/", .prefix = true});
//   for (;;) if (auto changes = watch.next()) ...
// After an error it may be asked again, and has missed nothing, unless that said `compacted`.
class Watch {
 public:
  Watch(Client& client, WatchOptions what) : client_(client), what_(std::move(what)) {}
  Answer<Changes> next(std::chrono::milliseconds wait = std::chrono::seconds(30)) {
    Answer<Changes> changes = client_.watch(what_, wait);
    if (changes) what_.from_revision = changes->revision + 1;
    return changes;
  }
  std::int64_t from_revision() const { return what_.from_revision; }

 private:
  Client& client_;
  WatchOptions what_;
};

}  // namespace cairn::client
