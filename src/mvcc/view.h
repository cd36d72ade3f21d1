// View: the whole state at one applied index, taken in O(1), immutable. Owner: whoever holds it; readable by
// any number of threads while applies go on. What it is a view of stays in memory meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/long_message.h"
#include "base/result.h"
#include "base/stream.h"
#include "etcd/effects.h"
#include "mvcc/alarms.h"
#include "mvcc/auth_state.h"
#include "mvcc/caller.h"
#include "mvcc/lease_info.h"
#include "mvcc/member_info.h"
#include "mvcc/outcome.h"

namespace etcdserverpb {
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::etcd {
template <class Request>
class Checked;
}  // namespace cairn::etcd

namespace cairn::mvcc {

class Changes;
struct ChangePlace;

// Always held by a shared_ptr: whoever reads it later or elsewhere shares it.
class View : public std::enable_shared_from_this<View> {
 public:
  virtual ~View() = default;
  // Queries. `body` of the outcome is a RangeResponse or TxnResponse; the txn must be read-only, and is
  // refused when it would read or answer more (reading_budget.h; 0: no bound).
  virtual Outcome range(etcd::Checked<etcdserverpb::RangeRequest> request) const = 0;
  // As range(), but it ends with the limit, and its count is of what it has looked at.
  virtual Outcome page(etcd::Checked<etcdserverpb::RangeRequest> request) const = 0;
  virtual Outcome txn(etcd::Checked<etcdserverpb::TxnRequest> request,
                      std::uint64_t answer_bytes_max) const = 0;
  // As range(), for answers of any size: what is not one small value comes as a LongMessage.
  virtual RangeAnswer open_range(etcd::Checked<etcdserverpb::RangeRequest> request) const = 0;

  // Every change from that place on (changes.h); the walk keeps the view.
  virtual Changes changes(ChangePlace from) const = 0;

  virtual std::uint64_t applied_index() const = 0;
  virtual std::int64_t revision() const = 0;
  virtual std::int64_t compact_revision() const = 0;
  virtual std::uint64_t key_count() const = 0;
  virtual std::uint64_t size_bytes() const = 0;         // estimate of the state's memory
  virtual std::uint64_t size_in_use_bytes() const = 0;  // of these, without superseded revisions
  virtual const MemberMap& members() const = 0;
  virtual const AlarmList& alarms() const = 0;
  virtual const AuthState& auth() const = 0;
  // Whether the caller may have all of that in this state. Asked before anything else is.
  virtual Status permits(const Caller& caller, const etcd::Effects& effects) const = 0;
  // Whether who reads this very view may: anything, but for one that was made for somebody
  // (node/guarded_view.h).
  virtual Status allows(const etcd::Effects&) const { return {}; }
  // etcd's hash of keys and history up to this revision; 0: the newest one. Made in pieces (hash_kv.h).
  virtual RangeAnswer hash_kv(std::int64_t revision) const = 0;
  // The state as a database file of etcd. Made in pieces (etcd_file.h).
  virtual std::unique_ptr<LongMessage> etcd_file() const = 0;
  // Of the state, as members compare it. O(1).
  virtual std::uint64_t state_hash() const = 0;

  virtual std::uint64_t lease_count() const = 0;
  virtual std::optional<LeaseInfo> lease(std::int64_t id) const = 0;
  // By ascending id, from the first beyond `after`, or from the very first.
  virtual std::vector<LeaseInfo> leases_after(std::optional<std::int64_t> after,
                                              std::size_t count_max) const = 0;
  // The keys that are attached to it, in ascending order, until `each` says false.
  virtual void lease_keys(std::int64_t id, const std::function<bool(std::string_view)>& each) const = 0;

  // Equal on all members at equal applied index. Walks the whole state.
  virtual std::uint64_t hash() const = 0;
  // Writes the whole state; StateMachine::load reads it. The bytes are equal on all members at equal applied
  // index.
  virtual Status save(ByteSink* sink) const = 0;
};

}  // namespace cairn::mvcc
