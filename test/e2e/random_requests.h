// Random requests over a small key space, so that they meet: the same seed gives the same requests.
// Everything that the messages can express is drawn, what is refused included. Of leases two ids are drawn,
// which come and go, and last longer than anybody asks.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "proto/rpc.pb.h"

namespace cairn::differential {

class RandomRequests {
 public:
  explicit RandomRequests(std::uint64_t seed) : random_(seed) {}

  // Requests name revisions around the last one seen, which the caller keeps up to date here.
  void set_revision(std::int64_t revision) { revision_ = revision; }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }

  etcdserverpb::RangeRequest range();
  etcdserverpb::PutRequest put();
  etcdserverpb::DeleteRangeRequest delete_range();
  etcdserverpb::TxnRequest txn(int depth = 0);
  etcdserverpb::CompactionRequest compaction();
  etcdserverpb::LeaseGrantRequest lease_grant();
  etcdserverpb::LeaseRevokeRequest lease_revoke();
  etcdserverpb::LeaseTimeToLiveRequest lease_time_to_live();

 private:
  std::string key();
  std::int64_t lease() { return below(3) - 1; }  // 0: none
  std::string range_end(const std::string& key);
  std::int64_t revision();
  etcdserverpb::Compare compare();
  void operation(etcdserverpb::RequestOp* op, int depth);

  // Not one of the standard's distributions: their results differ between libraries.
  std::mt19937_64 random_;
  std::int64_t revision_ = 1;
  bool txn_deletes_ = false;  // the transaction being drawn deletes keys, or else keeps values and leases
};

}  // namespace cairn::differential
