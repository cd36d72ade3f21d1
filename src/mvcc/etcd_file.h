// EtcdFile: a state as a database file of etcd (docs/format/backup.md), made while it is read: keys with all
// their kept revisions, leases, alarms and members. A LongMessage: measure() walks the state once, to know
// where each page lies; read() walks it again and writes. What etcd does not know (idempotency keys) is left
// out.
//
// Owner: who reads it; it keeps what the state belongs to. Threading: any one thread. Bound: that of
// RevisionWalk, a page for each level of a tree, and twice the largest value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/long_message.h"
#include "bbolt/writer.h"
#include "mvcc/revision_walk.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {

class EtcdFile final : public LongMessage {
 public:
  EtcdFile(const Contents& contents, const StepLimits& step, std::shared_ptr<const void> keep);

  bool measure() override;
  std::size_t size_bytes() const override { return size_; }
  void read(std::size_t bytes_max, std::string* out) override;
  bool finished() const override { return measured_ && read_ == size_; }

 private:
  enum class Stage { prepare, head, keys, leases, tail, done };

  void step();
  void put_keys();
  void put_leases();
  void put_head();
  void put_tail();
  void begin();  // another walk

  const std::shared_ptr<const void> keep_;
  const Contents contents_;
  const std::size_t step_records_;
  RevisionWalk walk_;
  std::optional<LeaseState::LeaseTree::Cursor> lease_;
  Stage stage_ = Stage::prepare;
  std::optional<bbolt::Writer> writer_;
  std::string made_;  // and not yet read
  std::size_t made_read_ = 0;
  std::string name_, before_, after_;
  bool measured_ = false;
  std::size_t size_ = 0, read_ = 0;
};

}  // namespace cairn::mvcc
