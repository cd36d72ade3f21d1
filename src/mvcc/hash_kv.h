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

#include "base/long_message.h"
#include "mvcc/revision_walk.h"
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

 private:
  static constexpr std::size_t kStepBytes = std::size_t{256} << 10;  // hashed in one step, and one record

  bool hash();
  void add(const Record& record);
  void finish();

  const std::shared_ptr<const void> keep_;
  const std::int64_t revision_, compact_revision_;
  const std::size_t step_records_;
  RevisionWalk walk_;
  bool prepared_ = false;
  std::string scratch_, after_;
  std::uint32_t hash_;
  bool measured_ = false;
  std::string body_;
  std::size_t read_ = 0;
};

}  // namespace cairn::mvcc
