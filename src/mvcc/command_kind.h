// CommandKind: what a command asks for, by the field of command.Command that holds its request. Each has a
// row in mvcc/commands.cc, without which nothing builds.
#pragma once

#include <cstdint>

namespace cairn::mvcc {

enum class CommandKind : std::uint32_t {
  put = 10,
  delete_range = 11,
  txn = 12,
  compaction = 13,
  publish = 14,
  lease_grant = 15,
  lease_revoke = 16,
  lease_checkpoint = 17,
  alarm = 18,
  end  // the first number that is none
};

constexpr std::uint32_t kFirstCommandField = 10;

}  // namespace cairn::mvcc
