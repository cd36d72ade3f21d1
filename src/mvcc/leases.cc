#include "mvcc/leases.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "etcd/reasons.h"
#include "mvcc/state_hash.h"

namespace cairn::mvcc {
namespace {

std::string attachment_name(std::int64_t lease_id, std::string_view key) {
  const LeaseName lease = name_of(lease_id);
  std::string name;
  name.reserve(lease.size() + key.size());
  return name.append(lease.data(), lease.size()).append(key);
}

std::uint64_t hash_of(std::string_view attachment) { return StateHash().add(attachment).value(); }

void free_attachment(void* gone) { delete static_cast<Attachment*>(gone); }
void free_lease(void* gone) { delete static_cast<Lease*>(gone); }

template <class Tree>
void free_all(const typename Tree::Root& root, void (*free)(void*)) {
  for (typename Tree::Cursor cursor(root, {}); cursor.get() != nullptr;) {
    auto* const record = cursor.get();
    cursor.next();
    free(record);
  }
}

}  // namespace

LeaseName name_of(std::int64_t lease_id) {
  std::uint64_t ordered = static_cast<std::uint64_t>(lease_id) ^ (std::uint64_t{1} << 63);
  LeaseName name;
  for (std::size_t i = name.size(); i-- > 0; ordered >>= 8) name[i] = static_cast<char>(ordered & 0xff);
  return name;
}

std::uint64_t Lease::hash() const {
  return StateHash().add(info.id).add(info.ttl_s).add(info.remaining_s).add(info.generation).value();
}

std::optional<LeaseInfo> LeaseState::find(std::int64_t id) const {
  const LeaseName name = name_of(id);
  const Lease* const lease = LeaseTree::find(leases, {name.data(), name.size()});
  return lease == nullptr ? std::nullopt : std::optional(lease->info);
}

std::vector<LeaseInfo> LeaseState::after(std::optional<std::int64_t> after, std::size_t count_max) const {
  std::vector<LeaseInfo> some;
  LeaseName name{};
  if (after) name = name_of(*after);
  LeaseTree::Cursor cursor(leases, after ? std::string_view(name.data(), name.size()) : std::string_view());
  if (after && cursor.get() != nullptr && cursor.get()->info.id == *after) cursor.next();
  for (; cursor.get() != nullptr && some.size() < count_max; cursor.next())
    some.push_back(cursor.get()->info);
  return some;
}

std::uint64_t LeaseState::key_count(std::int64_t id) const {
  const LeaseName name = name_of(id);
  // No id is 0, so there is room for a name behind each but the last.
  const bool is_last = id == std::numeric_limits<std::int64_t>::max();
  const LeaseName next = name_of(is_last ? id : id + 1);
  const std::uint64_t end =
      is_last ? attachments.live : AttachmentTree::rank(attachments, {next.data(), next.size()});
  return end - AttachmentTree::rank(attachments, {name.data(), name.size()});
}

Leases::~Leases() {
  free_all<LeaseState::LeaseTree>(leases_.root(), free_lease);
  free_all<LeaseState::AttachmentTree>(attachments_.root(), free_attachment);
}

const LeaseInfo* Leases::find(std::int64_t id) const {
  const LeaseName name = name_of(id);
  const Lease* const lease = LeaseState::LeaseTree::find(leases_.root(), {name.data(), name.size()});
  return lease == nullptr ? nullptr : &lease->info;
}

// In etcd's order.
Status Leases::may_grant(std::int64_t id, std::int64_t ttl_s) const {
  if (id == 0) return fail(Reason::lease_not_found);
  if (ttl_s > limits_.request.lease_ttl_max_s) return fail(Reason::lease_ttl_too_large);
  if (exists(id)) return fail(Reason::lease_exists);
  if (leases_.root().live >= limits_.leases_max)
    return fail(Reason::lease_table_full, {static_cast<std::int64_t>(limits_.leases_max)});
  return {};
}

void Leases::grant(std::int64_t id, std::int64_t ttl_s) {
  insert({id, ttl_s, 0, next_generation_++});
  changed_.push_back(id);
}

void Leases::insert(const LeaseInfo& info) {
  auto lease = std::make_unique<Lease>(info);
  hashes_ += lease->hash();
  Lease* const added = lease.release();
  Lease* replaced = nullptr;
  leases_.put(added->key(), [&](Lease* old) {
    replaced = old;
    return added;
  });
  if (replaced != nullptr) retire(replaced);
}

bool Leases::checkpoint(std::int64_t id, std::uint64_t generation, std::int64_t remaining_s) {
  const LeaseInfo* const found = find(id);
  if (found == nullptr || found->generation != generation) return false;
  LeaseInfo looked_at = *found;
  looked_at.remaining_s = std::clamp<std::int64_t>(remaining_s, 0, found->ttl_s);
  insert(looked_at);
  changed_.push_back(id);
  return true;
}

void Leases::remove(std::int64_t id) {
  const LeaseName name = name_of(id);
  retire(leases_.erase({name.data(), name.size()}));
  changed_.push_back(id);
}

void Leases::retire(Lease* lease) {
  hashes_ -= lease->hash();
  epochs_->retire(lease, free_lease, Epochs::kFirst);
}

void Leases::move(std::string_view key, std::int64_t from, std::int64_t to) {
  if (from != 0) {
    const std::string name = attachment_name(from, key);
    hashes_ -= hash_of(name);
    attached_bytes_ -= name.size();
    epochs_->retire(attachments_.erase(name), free_attachment, Epochs::kFirst);
  }
  if (to == 0) return;
  Attachment* const added = std::make_unique<Attachment>(attachment_name(to, key)).release();
  hashes_ += hash_of(added->name);
  attached_bytes_ += added->name.size();
  attachments_.put(added->key(), [added](Attachment* old) {
    CHECK(old == nullptr);
    return added;
  });
}

std::uint64_t Leases::hash() const { return StateHash().add(hashes_).add(next_generation_).value(); }

std::uint64_t Leases::size_bytes() const {
  constexpr std::uint64_t kAllocator = 16;  // about, of each piece
  return leases_.root().node_bytes + attachments_.root().node_bytes +
         leases_.root().live * (sizeof(Lease) + kAllocator) +
         attachments_.root().live * (sizeof(Attachment) + 2 * kAllocator) + attached_bytes_;
}

bool Leases::load(const LeaseInfo& lease) {
  const bool good = lease.id != 0 && lease.ttl_s >= 1 && lease.ttl_s <= limits_.request.lease_ttl_max_s &&
                    lease.remaining_s >= 0 && lease.remaining_s <= lease.ttl_s && lease.generation >= 1 &&
                    leases_.root().live < limits_.leases_max && !exists(lease.id);
  if (good) insert(lease);
  return good;
}

bool Leases::load_done(std::uint64_t next_generation) {
  next_generation_ = next_generation;
  std::vector<std::uint64_t> generations;
  generations.reserve(leases_.root().live);
  for (LeaseState::LeaseTree::Cursor cursor(leases_.root(), {}); cursor.get() != nullptr; cursor.next())
    generations.push_back(cursor.get()->info.generation);
  std::sort(generations.begin(), generations.end());
  return next_generation >= 1 && (generations.empty() || generations.back() < next_generation) &&
         std::adjacent_find(generations.begin(), generations.end()) == generations.end();
}

}  // namespace cairn::mvcc
