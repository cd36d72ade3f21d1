// HashKv: etcd's hash of keys and their history up to a revision, equal on all members and, for the same
// history of writes, equal to etcd's. It is over what a compaction at that revision would keep of what is
// compacted already, and over every change since, in the order of revisions: each as etcd's database has it,
// the revision as a key of 17 bytes (18 for a deletion) and the record as a KeyValue message.
//
// A LongMessage, HashKVResponse without its header: measure() does the work, a bounded part of it each time.
// Memory: a pointer for each key that has not changed since the compaction, twice while they are sorted.
// Threading: any one thread, while `keep` lives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/long_message.h"
#include "mvcc/sliced_sort.h"
#include "mvcc/store.h"

namespace cairn::mvcc {

class HashKv final : public LongMessage {
 public:
  // The revision is between the compact revision and the state's, or below 1: then nothing is hashed.
  HashKv(const KvState& state, std::int64_t revision, const StepLimits& step,
         std::shared_ptr<const void> keep);

  bool measure() override;
  std::size_t size_bytes() const override { return body_.size(); }
  void read(std::size_t bytes_max, std::string* out) override;
  bool finished() const override { return measured_ && read_ == body_.size(); }
  std::uint32_t hash() const { return hash_; }  // once it is measured

 private:
  static constexpr std::size_t kStepBytes = std::size_t{256} << 10;  // hashed in one step, and one record

  bool gather();
  bool hash_old();
  bool hash_changes();
  void add(const Record& record);
  void finish();

  const std::shared_ptr<const void> keep_;
  const KvState state_;
  const std::int64_t revision_;
  const std::size_t step_records_;

  enum class Phase { gather, sort, old, changes } phase_ = Phase::gather;
  KeyTree::Cursor cursor_;
  const Record* chain_ = nullptr;   // where the look at the cursor's key stands
  std::vector<const Record*> old_;  // at or below the compact revision, and kept
  SlicedSort<const Record*> sort_;
  std::size_t old_at_ = 0;
  std::uint64_t change_at_ = 0;
  std::string scratch_;
  std::uint32_t hash_;
  std::size_t hashed_bytes_ = 0;  // of this step
  bool measured_ = false;
  std::string body_;
  std::size_t read_ = 0;
};

}  // namespace cairn::mvcc
