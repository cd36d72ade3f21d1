// OperationCounts: what a state machine has applied since the object was made, operations inside transactions
// too. Not part of the state: members differ in it.
#pragma once

#include <cstdint>

namespace cairn::mvcc {

struct OperationCounts {
  std::uint64_t puts = 0, deletes = 0, txns = 0;

  OperationCounts& operator+=(const OperationCounts& other) {
    puts += other.puts;
    deletes += other.deletes;
    txns += other.txns;
    return *this;
  }
};

}  // namespace cairn::mvcc
