// Durability: which of the numbered writes are on disk, and so up to which index the log is.
// Owner: Core. Writes become durable in the order of their numbers.
//
// A write is identified by its number alone. An overwritten suffix lowers what every outstanding write
// vouches for, so a late completion of an old write never speaks for the entries that took the place of the
// ones it wrote, even when they have the same index (etcd-io/raft calls this the ABA problem).
#pragma once

#include <deque>
#include <optional>

#include "base/time.h"
#include "raft/types.h"

namespace cairn::raft {

class Durability {
 public:
  explicit Durability(Index stable) : stable_(stable) {}

  Index stable() const { return stable_; }           // the log up to here is durable
  WriteSeq issued() const { return issued_; }        // the newest write handed to the driver
  WriteSeq next() const { return issued_.next(); }   // the write that the current turn will hand out
  WriteSeq persisted() const { return persisted_; }  // every write up to here is durable
  bool is_durable(WriteSeq seq) const { return seq <= persisted_; }
  // When the oldest write that is still under way was handed out.
  std::optional<Time> oldest_outstanding() const;

  std::uint64_t outstanding_bytes() const { return outstanding_bytes_; }

  // next() was handed out; with it the log is durable up to `covers`.
  void issue(Index covers, std::uint64_t size_bytes, Time now);
  void truncate_from(Index index);  // the log's suffix was replaced
  void reset_to(Index index);       // a durable snapshot took the log's place
  void persist(WriteSeq seq);       // CHECKs seq <= issued()

 private:
  struct Outstanding {
    WriteSeq seq;
    Index covers;
    std::uint64_t size_bytes;
    Time issued_at;
  };
  WriteSeq issued_;
  WriteSeq persisted_;
  Index stable_;
  std::deque<Outstanding> outstanding_;
  std::uint64_t outstanding_bytes_ = 0;
};

}  // namespace cairn::raft
