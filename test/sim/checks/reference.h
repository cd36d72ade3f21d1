// Reference: the committed log applied, once and in order, to the plain sequential store of client_history.h,
// which shares no code with src/mvcc. It knows what every reply at every revision has to be. I10:
// acknowledged writes are in it for ever, since every member is compared with it to the end. I13: its
// revision grows by one with each write that changes something; every member's must be equal. I15: it
// executes each idempotency key once and expects the same reply from every retry, also when keys are
// forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mvcc/view.h"
#include "raft/types.h"
#include "sim/checks/lease_book.h"
#include "sim/client_history.h"
#include "sim/judge.h"

namespace cairn::command {
class Command;
}

namespace cairn::sim {

class Reference {
 public:
  // Of what is remembered of idempotency keys.
  struct SessionLimits {
    std::size_t count = 0, bytes = 0;
    std::int64_t ttl_ms = 0, step_ms = 0;
  };
  Reference(Judge& judge, SessionLimits limits, LeaseBook& leases)
      : judge_(judge), leases_(leases), limits_(limits) {}

  void commit(const raft::Entry& entry);  // the next of the canonical log
  void compare_revision(raft::NodeId member, raft::Index applied, std::int64_t revision);
  void compare_all(raft::NodeId member,
                   const mvcc::View& view);  // every key; the member has applied everything

  std::int64_t revision() const { return store_.revision; }
  // What became of a key, in the order in which it did.
  struct Change {
    std::int64_t revision;
    std::string key;
    std::optional<KeyState> now, before;
  };
  const std::vector<Change>& changes() const { return changes_; }
  bool was_compacted_at(std::int64_t revision) const { return compactions_.contains(revision); }
  // Whether the store could give this reply at the revision that it names.
  bool could_reply(const Request& request, const Reply& reply) const;
  // For requests that put something, since no two put the same value: what came of one whose client was not
  // told. None: nothing.
  std::optional<Reply> outcome_of(const Request& request) const;
  // Whether the request, answered so, is the write that made the revision in its reply.
  bool made_revision(const Request& request, const Reply& reply) const;

 private:
  struct Written {
    Request request;
    Reply reply;
  };
  struct KeyVersion {
    std::int64_t revision;
    std::optional<KeyState> state;
  };
  struct Session {
    std::string key;
    bool stamped = false;
    std::int64_t changed_revision = 0;
    std::int64_t time_ms = 0;  // of the log's clock
    std::size_t size_bytes = 0;
  };
  void compact(std::int64_t revision);
  void pass(std::uint64_t elapsed_ms);
  void forget(std::vector<Session>::iterator session);
  bool is_new(const command::Command& command);
  void note_alarm(const command::Command& command);
  bool is_refused_for_room(const command::Command& command, const Request& request) const;
  Store store_at(std::int64_t revision, const Request& request) const;  // the keys that the request touches
  Reply execute(const Request& request);
  bool commit_lease(const command::Command& command);
  void erase(const std::vector<std::string>& keys);

  Judge& judge_;
  LeaseBook& leases_;
  Store store_;
  std::vector<Written> written_;  // by revision - 2
  std::vector<Change> changes_;
  std::set<std::int64_t> compactions_;
  std::map<std::string, std::vector<KeyVersion>> versions_;
  std::vector<Session> sessions_;  // that are remembered, oldest first
  const SessionLimits limits_;
  std::size_t session_bytes_ = 0;
  std::int64_t clock_ms_ = 0;
  std::int64_t forgotten_revision_ = 1;
  std::set<std::uint64_t> without_room_;           // whose alarm NOSPACE stands
  std::set<std::string> remembered_, changed_by_;  // keys: of sessions_; of all changes ever
  std::map<std::string, std::int64_t> put_at_;     // revision, by value
  std::vector<std::int64_t> revision_at_;          // by index - 1
};

bool same(const Request& a, const Request& b);

}  // namespace cairn::sim
