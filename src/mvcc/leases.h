// Leases: which there are, and which keys are attached to each. A key has one lease at most, the one that its
// newest record names, so attachments follow from the keys; they are kept in order for those who revoke.
// Nothing here knows time: leaders do, and say what has expired (docs/adr/0028-leases.md). Part of the
// replicated state. Bounds: Limits::leases_max; attached keys as the keys. Threading: one writer; a
// LeaseState may be read anywhere while its epoch is pinned.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mvcc/epochs.h"
#include "mvcc/lease_info.h"
#include "mvcc/limits.h"
#include "mvcc/tree.h"

namespace cairn::mvcc {

// An id as bytes that are in the order of the numbers.
using LeaseName = std::array<char, 8>;
LeaseName name_of(std::int64_t lease_id);

struct Lease {
  explicit Lease(const LeaseInfo& given) : info(given), name(name_of(given.id)) {}
  const LeaseInfo info;
  const LeaseName name;
  std::string_view key() const { return {name.data(), name.size()}; }
  bool live() const { return true; }
  std::uint64_t hash() const;
};

// The name of a lease, and behind it that of one of its keys.
struct Attachment {
  explicit Attachment(std::string given) : name(std::move(given)) {}
  const std::string name;
  std::string_view key() const { return name; }
  std::string_view attached() const { return std::string_view(name).substr(sizeof(LeaseName)); }
  bool live() const { return true; }
};

// The immutable side: what a view reads.
struct LeaseState {
  using LeaseTree = Tree<Lease>;
  using AttachmentTree = Tree<Attachment>;
  LeaseTree::Root leases;
  AttachmentTree::Root attachments;
  std::uint64_t next_generation = 1;
  std::uint64_t size_bytes = 0;

  std::optional<LeaseInfo> find(std::int64_t id) const;
  // By ascending id, from the first beyond `after`, or from the very first.
  std::vector<LeaseInfo> after(std::optional<std::int64_t> after, std::size_t count_max) const;
  // The attached keys in ascending order, until `each` says false.
  template <class Each>
  void keys(std::int64_t id, Each each) const {
    const LeaseName name = name_of(id);
    const std::string_view begin(name.data(), name.size());
    for (AttachmentTree::Cursor cursor(attachments, begin); cursor.get() != nullptr; cursor.next())
      if (!cursor.get()->key().starts_with(begin) || !each(cursor.get()->attached())) return;
  }
  std::uint64_t key_count(std::int64_t id) const;
};

class Leases {
 public:
  Leases(Epochs* epochs, const Limits& limits)
      : epochs_(epochs), limits_(limits), leases_(epochs), attachments_(epochs) {}
  ~Leases();
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  LeaseState state() const { return {leases_.root(), attachments_.root(), next_generation_, size_bytes()}; }
  bool exists(std::int64_t id) const { return find(id) != nullptr; }
  const LeaseInfo* find(std::int64_t id) const;

  Status may_grant(std::int64_t id, std::int64_t ttl_s) const;
  void grant(std::int64_t id, std::int64_t ttl_s);  // which may be
  // Of that generation only; false: there is none.
  bool checkpoint(std::int64_t id, std::uint64_t generation, std::int64_t remaining_s);
  void remove(std::int64_t id);  // which exists, and has no keys any more

  // 0: no lease. Called when they differ.
  void move(std::string_view key, std::int64_t from, std::int64_t to);

  // Whose leases have come, gone or been looked at, in order, since clear_changed().
  const std::vector<std::int64_t>& changed() const { return changed_; }
  void clear_changed() { changed_.clear(); }

  // No lease has ever been: states of versions that knew none have such hashes.
  bool untouched() const { return next_generation_ == 1; }
  std::uint64_t hash() const;
  std::uint64_t size_bytes() const;

  // Loading into an empty table; ids ascend. False: what it says contradicts itself.
  bool load(const LeaseInfo& lease);
  bool load_done(std::uint64_t next_generation);

 private:
  void insert(const LeaseInfo& info);
  void retire(Lease* lease);

  Epochs* epochs_;
  const Limits limits_;
  LeaseState::LeaseTree leases_;
  LeaseState::AttachmentTree attachments_;
  std::uint64_t next_generation_ = 1;
  std::uint64_t hashes_ = 0;  // their sum, attachments included
  std::uint64_t attached_bytes_ = 0;
  std::vector<std::int64_t> changed_;
};

}  // namespace cairn::mvcc
