// StateMachine: the replicated state. apply() is a pure function of the state and the entry: no clock,
// randomness, I/O or unordered iteration, and it cannot fail; a refusal is an Outcome. View: the whole state
// at one applied index, taken in O(1), immutable, readable by any thread while applies go on. Threading:
// StateMachine belongs to one thread; a View to any number.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stream.h"
#include "mvcc/limits.h"
#include "mvcc/operation_counts.h"
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

struct MemberInfo {
  std::uint64_t id = 0;
  std::string name;
  std::vector<std::string> peer_urls, client_urls;
  bool operator==(const MemberInfo&) const = default;
};

using MemberMap = std::map<std::uint64_t, MemberInfo>;

// Always held by a shared_ptr: whoever reads it later or elsewhere shares it.
class View : public std::enable_shared_from_this<View> {
 public:
  virtual ~View() = default;
  // Queries. `body` of the outcome is a RangeResponse or TxnResponse; the txn must be read-only.
  virtual Outcome range(etcd::Checked<etcdserverpb::RangeRequest> request) const = 0;
  virtual Outcome txn(etcd::Checked<etcdserverpb::TxnRequest> request) const = 0;
  // As range(), for answers of any size: what is not one small value comes as a LongMessage.
  virtual RangeAnswer open_range(etcd::Checked<etcdserverpb::RangeRequest> request) const = 0;

  // Every change from that place on (changes.h); the walk keeps the view.
  virtual Changes changes(ChangePlace from) const = 0;

  virtual std::uint64_t applied_index() const = 0;
  virtual std::int64_t revision() const = 0;
  virtual std::int64_t compact_revision() const = 0;
  virtual std::uint64_t key_count() const = 0;
  virtual std::uint64_t size_bytes() const = 0;  // estimate of the state's memory
  virtual const MemberMap& members() const = 0;
  // Equal on all members at equal applied index. Walks the whole state.
  virtual std::uint64_t hash() const = 0;
  // Writes the whole state; StateMachine::load reads it. The bytes are equal on all members at equal applied
  // index.
  virtual Status save(ByteSink* sink) const = 0;
};

// Told about each command of an entry, in order.
struct ApplySink {
  virtual ~ApplySink() = default;
  // False spares building a response that nobody waits for; the state changes all the same.
  virtual bool wants(std::uint64_t request_id) const = 0;
  virtual void done(std::uint64_t request_id, Outcome outcome) = 0;
};

class StateMachine {
 public:
  // The state before the first entry; `members` come from the bootstrap configuration.
  explicit StateMachine(std::vector<MemberInfo> members, Limits limits = {});
  static Result<std::unique_ptr<StateMachine>> load(ByteSource* source, Limits limits = {});
  ~StateMachine();

  // Applies the entry at `index`, which is applied_index() + 1 (CHECKed). `batch` is a serialized
  // command.Batch or empty (a no-op or membership entry). Bytes that are no Batch count as no commands, on
  // every member alike. `sink` may be nullptr.
  void apply(std::uint64_t index, std::string_view batch, ApplySink* sink);
  std::uint64_t applied_index() const;
  // Of the whole state, but for superseded revisions of keys; equal on all members at equal applied index.
  // O(1).
  std::uint64_t state_hash() const;
  std::shared_ptr<const View> view() const;
  std::shared_ptr<const MemberMap> members() const;  // another one after every change
  const OperationCounts& operations() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::mvcc
