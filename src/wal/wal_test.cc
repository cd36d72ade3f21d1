#include "wal/wal.h"

#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"
#include "wal/test_log.h"

namespace cairn::wal {
namespace {

using test::Log;

TEST(Wal, ANewLogIsEmpty) {
  Log log;
  EXPECT_EQ(log.wal().first_index(), raft::Index{0});
  EXPECT_EQ(log.wal().last_index(), raft::Index{0});
  EXPECT_EQ(log.wal().read(raft::Index{1}).error().code, Code::not_found);
  EXPECT_TRUE(log.opened().entries.empty());
}

TEST(Wal, HoldsWhatWasSyncedAfterReopening) {
  Log log;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    log.append(i, 3, "value " + std::to_string(i));
    log.sync();
    log.reopen();
    log.expect_range(1, i);
  }
  EXPECT_EQ(*log.wal().read(raft::Index{42})->data, "value 42");
}

}  // namespace
}  // namespace cairn::wal
