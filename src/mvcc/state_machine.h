// StateMachine: the replicated state. apply() is a pure function of the state and the entry: no clock,
// randomness, I/O or unordered iteration, and it cannot fail; a refusal is an Outcome. What can be applied
// stands in one table (mvcc/commands.h); what the state consists of, in mvcc/storage.h. Threading: it belongs
// to one thread; a View of it (mvcc/view.h) to any number.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stream.h"
#include "mvcc/limits.h"
#include "mvcc/operation_counts.h"
#include "mvcc/outcome.h"
#include "mvcc/view.h"

namespace cairn::mvcc {

// Where the entry stands in the log.
struct EntryAt {
  std::uint64_t index;
  std::uint64_t term;
};

// Told about each command of an entry, in order.
struct ApplySink {
  virtual ~ApplySink() = default;
  // False spares building a response that nobody waits for; the state changes all the same.
  virtual bool wants(std::uint64_t request_id) const = 0;
  virtual void done(std::uint64_t request_id, Outcome outcome) = 0;
  // At the end of an entry, if any: whose leases it has granted, revoked or looked at.
  virtual void leases_changed(const std::vector<std::int64_t>&) {}
};

// Of the memory that keys and their history take, estimated.
struct StateSizes {
  std::uint64_t live_bytes = 0;  // without superseded revisions
  std::uint64_t all_bytes = 0;
};

class StateMachine {
 public:
  // The state before the first entry; `members` come from the bootstrap configuration.
  explicit StateMachine(std::vector<MemberInfo> members, Limits limits = {});
  static Result<std::unique_ptr<StateMachine>> load(ByteSource* source, Limits limits = {});
  ~StateMachine();

  // Applies that entry, whose index is applied_index() + 1 (CHECKed). `batch` is a serialized command.Batch
  // or empty (a no-op or membership entry). Bytes that are no Batch count as no commands, on every member
  // alike. `sink` may be nullptr.
  void apply(EntryAt at, std::string_view batch, ApplySink* sink);
  // The next entry to be applied, an empty one here, brings a configuration with these members: as it says,
  // by id.
  void follow(const MemberMap& configured);
  std::uint64_t applied_index() const;
  std::int64_t revision() const;
  // Of the whole state, but for superseded revisions of keys; equal on all members at equal applied index.
  // O(1).
  std::uint64_t state_hash() const;
  std::shared_ptr<const View> view() const;
  // As the views have them, of the newest state.
  std::optional<LeaseInfo> lease(std::int64_t id) const;
  std::vector<LeaseInfo> leases_after(std::optional<std::int64_t> after, std::size_t count_max) const;
  std::uint64_t lease_key_count(std::int64_t id) const;
  std::shared_ptr<const MemberMap> members() const;  // another one after every change
  const Alarms& alarms() const;
  const std::shared_ptr<const AuthState>& auth() const;  // another one after every change
  std::int64_t clock_ms() const;  // of the log: real time, as leaders have seen it pass
  StateSizes sizes() const;
  // Drops some of what compaction has made superfluous, as each apply does a little, and says whether there
  // is more that could go now; of 0, only that. Changes no answer, no hash and no saved byte.
  bool collect(std::size_t records_max);
  // Of what a compaction at or below this revision has made superfluous nothing is in memory any more.
  std::int64_t removed_up_to() const;
  const OperationCounts& operations() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::mvcc
