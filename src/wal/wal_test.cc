// The conformance list of a log: order, reading, reopening, truncating over every edge, closing.
#include "wal/wal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "io/posix_disk.h"
#include "sim_disk/sim_disk.h"
#include "wal/log_fixture.h"

namespace cairn::wal {
namespace {

using test::entry;
using test::Log;
using test::promises;
using test::snapshot_at;

raft::Index at(std::uint64_t index) { return raft::Index{index}; }

TEST(Wal, ANewLogIsEmpty) {
  Log log;
  log.expect_range(0, 0);
  EXPECT_EQ(log.wal().read(at(1)).error().code, Code::not_found);
  EXPECT_TRUE(log.opened().entries.empty());
  EXPECT_EQ(promises(log.opened().hard_state), raft::HardState{});
  EXPECT_TRUE(log.wal().sync());
}

TEST(Wal, HoldsWhatWasSyncedAfterReopening) {
  Log log;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    log.append(i, 3, "value " + std::to_string(i));
    log.sync();
    log.reopen();
    log.expect_range(1, i);
    ASSERT_EQ(log.opened().entries.size(), i);
    EXPECT_EQ(*log.opened().entries.back().data, "value " + std::to_string(i));
    EXPECT_EQ(log.opened().entries.back().term, raft::Term{3});
  }
  EXPECT_EQ(*log.wal().read(at(42))->data, "value 42");
}

TEST(Wal, KeepsEveryFieldOfAnEntry) {
  Log log;
  raft::Entry members = entry(2, 2, std::string("\0\xff\n", 3));
  members.type = raft::EntryType::members;
  ASSERT_TRUE(log.try_append({entry(1, 1, ""), members, entry(3, 5, std::string(20000, 'x'))}));
  log.sync();
  log.reopen();
  EXPECT_EQ(log.wal().read(at(1))->data, nullptr);
  EXPECT_EQ(log.wal().read(at(1))->type, raft::EntryType::noop);
  EXPECT_EQ(log.wal().read(at(2))->type, raft::EntryType::members);
  EXPECT_EQ(*log.wal().read(at(2))->data, std::string("\0\xff\n", 3));
  EXPECT_EQ(log.wal().read(at(2))->term, raft::Term{2});
  EXPECT_EQ(log.wal().read(at(3))->term, raft::Term{5});
  EXPECT_EQ(log.wal().read(at(3))->data->size(), 20000U);
}

TEST(Wal, RefusesEntriesOutOfOrderAndChangesNothing) {
  Log log;
  EXPECT_EQ(log.try_append({entry(2, 1, "a")}).error().code, Code::out_of_range);
  EXPECT_EQ(log.try_append({entry(0, 1, "a")}).error().code, Code::out_of_range);
  log.append(1, 1, "a");
  EXPECT_EQ(log.try_append({entry(3, 1, "a")}).error().code, Code::out_of_range);
  EXPECT_EQ(log.try_append({entry(2, 1, "a"), entry(4, 1, "b")}).error().code, Code::out_of_range);
  log.expect_range(1, 1);
  log.append(2, 1, "b");
  log.sync();
  log.expect_range(1, 2);
}

TEST(Wal, AnEntryBeyondTheLimitIsRefusedAndNothingChanges) {
  Options options = test::small_segments();
  options.entry_bytes_max = 100;
  Log log(options);
  log.append(1, 1, std::string(100, 'x'));
  EXPECT_EQ(log.try_append({entry(2, 1, "y"), entry(3, 1, std::string(101, 'x'))}).error().code,
            Code::out_of_range);
  log.expect_range(1, 1);
}

TEST(Wal, ReadsEntriesThatAreNotSyncedYet) {
  Log log;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    log.append(i, 1, "value " + std::to_string(i));
    EXPECT_EQ(*log.wal().read(at(i))->data, "value " + std::to_string(i));
    EXPECT_EQ(*log.wal().read(at(1))->data, "value 1");
  }
  log.sync();
  log.reopen();
  log.expect_range(1, 10);
}

TEST(Wal, ReadsInAnyOrderAcrossSegments) {
  Log log;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    log.append(i, 1, std::string(3000, static_cast<char>('a' + i % 26)));
    if (i % 3 == 0) log.sync();
  }
  log.sync();
  EXPECT_GT(log.segments().size(), 4U);
  Prng prng(3);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t index = prng.between(1, 100);
    EXPECT_EQ(log.wal().read(at(index))->data->front(), static_cast<char>('a' + index % 26));
  }
  log.reopen();
  log.expect_range(1, 100);
}

TEST(Wal, ABatchIsOneWriteAndOneSync) {
  Log log;
  log.append(1, 1, "a");
  log.sync();
  for (std::uint64_t i = 2; i < 40; ++i) {  // the spare is complete after a quarter of the segment
    log.append(i, 1, "a");
    log.sync();
  }
  log.reopen();
  std::vector<raft::Entry> batch;
  for (std::uint64_t i = 40; i < 140; ++i) batch.push_back(entry(i, 1 + i / 100, "v"));
  while (log.segments().size() < 2) {  // into a fresh segment
    log.append(log.wal().last_index().v + 1, 1, std::string(20000, 'x'));
    log.sync();
  }
  const std::uint64_t next = log.wal().last_index().v + 1;
  for (std::uint64_t i = 0; i < batch.size(); ++i) batch[i].index = at(next + i);
  for (int i = 0; i < 8; ++i) log.sync();
  const std::uint64_t syncs = log.disk.sync_count();
  std::uint64_t segment_writes = 0;
  log.disk.set_hook([&](sim::Operation op, const std::string& path) {
    if (op == sim::Operation::write && path.ends_with(".seg")) ++segment_writes;
  });
  ASSERT_TRUE(log.try_append(batch));
  log.sync();
  EXPECT_EQ(segment_writes, 1U);
  EXPECT_LE(log.disk.sync_count() - syncs, 2U);  // at most the spare's besides
}

TEST(Wal, AnEntryLargerThanASegmentGetsItsOwn) {
  Log log;
  log.append(1, 1, "small");
  log.append(2, 1, std::string(300000, 'x'));
  log.append(3, 1, "small");
  log.sync();
  log.reopen();
  log.expect_range(1, 3);
  EXPECT_EQ(log.wal().read(at(2))->data->size(), 300000U);
}

// The buffer's limit is reached within a frame, at different places of it.
TEST(Wal, AnAppendBeyondTheBuffersLimitIsAllThere) {
  for (const std::size_t bytes : {70000U, 90000U, 1100000U}) {
    Log log(Options{});
    std::vector<raft::Entry> batch;
    for (std::uint64_t i = 1; i * bytes < (std::size_t{40} << 20); ++i) {
      batch.push_back(entry(i, 1, std::string(bytes, static_cast<char>('a' + i % 26))));
    }
    const std::uint64_t last = batch.size();
    ASSERT_TRUE(log.try_append(std::move(batch)));
    ASSERT_TRUE(log.wal().sync());
    log.reopen();
    ASSERT_EQ(log.wal().last_index(), at(last)) << bytes;
    EXPECT_EQ(log.opened().report.torn_bytes, 0U);
    for (const raft::Entry& found : log.opened().entries) {
      ASSERT_EQ(*found.data, std::string(bytes, static_cast<char>('a' + found.index.v % 26))) << bytes;
    }
  }
}

TEST(Wal, AnOverlappingAppendReplacesTheSuffix) {
  for (std::uint64_t from = 1; from <= 21; ++from) {
    Log log;
    for (std::uint64_t i = 1; i <= 20; ++i) {
      log.append(i, 1, std::string(5000, 'o'));
      if (i % 4 == 0) log.sync();
    }
    ASSERT_TRUE(log.try_append({entry(from, 2, "new"), entry(from + 1, 2, "new")}));
    log.expect_range(1, from + 1);
    log.sync();
    log.reopen();
    log.expect_range(1, from + 1);
    for (std::uint64_t i = 1; i <= from + 1; ++i) {
      EXPECT_EQ(log.wal().read(at(i))->term, raft::Term{i < from ? 1U : 2U}) << from;
    }
  }
}

TEST(Wal, TruncateBackWorksAtEveryIndexAndSurvivesReopening) {
  for (std::uint64_t last = 0; last <= 30; ++last) {
    Log log;
    for (std::uint64_t i = 1; i <= 30; ++i) {
      log.append(i, 1, std::string(4000, 'x'));
      if (i % 3 == 0) log.sync();
    }
    ASSERT_TRUE(log.wal().truncate_back(at(last)));
    log.expect_range(last == 0 ? 0 : 1, last);
    log.reopen();
    log.expect_range(last == 0 ? 0 : 1, last);
    EXPECT_EQ(log.opened().entries.size(), last);
    log.append(last + 1, 2, "again");
    log.sync();
    log.reopen();
    log.expect_range(1, last + 1);
    EXPECT_EQ(*log.wal().read(at(last + 1))->data, "again");
  }
}

TEST(Wal, TruncateFrontKeepsWhatWasAskedForAndFreesSegments) {
  for (std::uint64_t first = 1; first <= 31; ++first) {
    Log log;
    for (std::uint64_t i = 1; i <= 30; ++i) {
      log.append(i, 1, std::string(16000, 'x'));
      log.sync();
    }
    const std::size_t before = log.segments().size();
    ASSERT_TRUE(log.wal().truncate_front(at(first)));
    const std::uint64_t found = log.wal().first_index().v;
    EXPECT_LE(found, first);
    EXPECT_GE(found + 6, first);  // at most one segment of three or four entries too many
    if (first > 6) {
      EXPECT_LT(log.segments().size(), before);
    }
    log.expect_range(found, 30);
    log.reopen(snapshot_at(first - 1, 1));
    log.expect_range(found, 30);
    log.append(31, 1, "more");
    log.sync();
    log.reopen(snapshot_at(first - 1, 1));
    log.expect_range(found, 31);
  }
}

TEST(Wal, TruncatingOutsideTheLogIsRefused) {
  Log log;
  for (std::uint64_t i = 1; i <= 5; ++i) log.append(i, 1, "x");
  log.sync();
  EXPECT_EQ(log.wal().truncate_back(at(6)).error().code, Code::out_of_range);
  EXPECT_EQ(log.wal().truncate_front(at(7)).error().code, Code::out_of_range);
  EXPECT_EQ(log.wal().truncate_front(at(0)).error().code, Code::out_of_range);
  EXPECT_TRUE(log.wal().truncate_back(at(5)));
  EXPECT_TRUE(log.wal().truncate_front(at(1)));
  log.expect_range(1, 5);
}

TEST(Wal, SegmentsAreRecycledNotCreated) {
  Log log;
  std::uint64_t created = 0;
  for (std::uint64_t i = 1; i <= 400; ++i) {
    if (i == 100) {
      log.disk.set_hook(
          [&](sim::Operation op, const std::string&) { created += op == sim::Operation::create; });
    }
    log.append(i, 1, std::string(6000, 'x'));
    log.sync();
    ASSERT_TRUE(log.wal().truncate_front(at(i)));
  }
  EXPECT_EQ(created, 0U);
  EXPECT_LE(log.segments().size(), 2U);
  log.reopen(snapshot_at(399, 1));
  EXPECT_EQ(log.wal().last_index(), at(400));
}

TEST(Wal, ResetGoesOnBehindTheSnapshot) {
  Log log;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    log.append(i, 1, std::string(5000, 'x'));
    log.sync();
  }
  raft::LogWrite write;
  write.reset_to = snapshot_at(1000, 4);
  write.hard_state = raft::HardState{raft::Term{4}, raft::NodeId{2}};
  write.entries = {entry(1001, 4, "first")};
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  log.expect_range(1001, 1001);
  EXPECT_EQ(log.segments().size(), 1U);
  log.reopen(snapshot_at(1000, 4));
  log.expect_range(1001, 1001);
  EXPECT_EQ(promises(log.opened().hard_state), (raft::HardState{raft::Term{4}, raft::NodeId{2}}));
}

TEST(Wal, ALogThatEndsBeforeTheSnapshotGoesOnBehindIt) {
  Log log;
  for (std::uint64_t i = 1; i <= 10; ++i) log.append(i, 1, "x");
  log.sync();
  log.reopen(snapshot_at(20, 3));
  log.expect_range(0, 0);
  EXPECT_TRUE(log.opened().entries.empty());
  EXPECT_EQ(log.opened().hard_state.term, raft::Term{3});
  log.append(21, 3, "y");
  log.sync();
  log.reopen(snapshot_at(20, 3));
  log.expect_range(21, 21);
}

TEST(Wal, ALogThatDisagreesWithTheSnapshotIsDropped) {
  Log log;
  for (std::uint64_t i = 1; i <= 10; ++i) log.append(i, 1, "x");
  log.sync();
  log.reopen(snapshot_at(5, 1));
  log.expect_range(1, 10);
  log.reopen(snapshot_at(5, 2));
  log.expect_range(0, 0);
  log.reopen(snapshot_at(5, 2));
  log.append(6, 2, "y");
  log.sync();
  log.reopen(snapshot_at(5, 2));
  log.expect_range(6, 6);
}

TEST(Wal, ALostSnapshotIsNamed) {
  Log log;
  raft::LogWrite write;
  write.reset_to = snapshot_at(1000, 4);
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  const auto opened = log.try_open(snapshot_at(900, 4));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::data_loss);
  EXPECT_NE(opened.error().message.find("E_WAL_DAMAGED"), std::string::npos);
  EXPECT_NE(opened.error().message.find("901 to 1000"), std::string::npos) << opened.error().message;
}

TEST(Wal, HardStateSurvivesReopening) {
  Log log;
  for (std::uint64_t term = 1; term <= 5; ++term) {
    raft::LogWrite write;
    write.hard_state = raft::HardState{raft::Term{term}, raft::NodeId{term % 3}};
    ASSERT_TRUE(log.wal().append(write));
    log.sync();
    log.reopen();
    EXPECT_EQ(promises(log.opened().hard_state), *write.hard_state);
  }
}

TEST(Wal, EveryStartIsCountedInTheLife) {
  Log log;
  log.options().fresh = raft::Incarnation{77};  // counts only where there is no life yet
  for (std::uint64_t start = 1; start <= 5; ++start) {
    EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{1}, start, false}));
    log.reopen();
  }
}

TEST(Wal, AllOfTheHardStateSurvivesAndALifeIsKeptUnlessGiven) {
  Log log;
  raft::LogWrite write;
  write.hard_state =
      raft::HardState{raft::Term{7}, raft::NodeId{2}, raft::Incarnation{5}, {raft::Incarnation{3}, 4, true}};
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  write.hard_state = raft::HardState{raft::Term{8}, raft::NodeId{3}, raft::Incarnation{6}};
  ASSERT_TRUE(log.wal().append(write));
  log.sync();
  log.reopen();
  EXPECT_EQ(log.opened().hard_state.vote_incarnation, raft::Incarnation{6});
  EXPECT_EQ(log.opened().hard_state.life, (raft::Life{raft::Incarnation{3}, 5, true}));
}

TEST(Wal, AClosedLogRefusesEverything) {
  Log log;
  log.append(1, 1, "x");
  ASSERT_TRUE(log.wal().close());
  EXPECT_EQ(log.wal().close().error().code, Code::failed_precondition);
  EXPECT_EQ(log.wal().sync().error().code, Code::failed_precondition);
  EXPECT_EQ(log.wal().read(at(1)).error().code, Code::failed_precondition);
  EXPECT_EQ(log.wal().truncate_back(at(1)).error().code, Code::failed_precondition);
  EXPECT_EQ(log.wal().truncate_front(at(1)).error().code, Code::failed_precondition);
  EXPECT_EQ(log.try_append({entry(2, 1, "y")}).error().code, Code::failed_precondition);
  log.reopen();
  log.expect_range(1, 1);
}

TEST(Wal, IgnoresJunkInItsFolder) {
  Log log;
  log.append(1, 1, "x");
  log.sync();
  for (const char* name : {"junk", "1.seg", "00000000000000000001.seg", "x.spare", ".spare",
                           "0000000000000000000x-00000000000000000001.seg"}) {
    log.disk.put(std::string("data/wal/") + name, "junk");
  }
  log.disk.put("data/wal/spare.tmp", "half");
  log.reopen();
  log.expect_range(1, 1);
}

TEST(Wal, AFileInPlaceOfTheFolderIsAnError) {
  sim::SimDisk disk;
  disk.put("data/wal", "a file");
  EXPECT_FALSE(Wal::open(disk, "data", {7, 9}, {}));
  EXPECT_FALSE(Wal::open(disk, "missing", {7, 9}, {}));
}

TEST(Wal, WorksOnARealDisk) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("cairn_wal_test_" + std::to_string(::getpid()));
  std::filesystem::remove_all(dir);
  io::PosixDisk disk;
  ASSERT_TRUE(disk.make_dir(dir.string()));
  const Options options = test::small_segments();
  for (std::uint64_t round = 0; round < 5; ++round) {
    auto opened = Wal::open(disk, dir.string(), {7, 9}, snapshot_at(round * 10, 1), options);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->wal->last_index().v, round * 20);
    for (std::uint64_t i = 1; i <= 20; ++i) {
      raft::LogWrite write;
      write.entries = {entry(round * 20 + i, 1, std::string(5000, 'x'))};
      ASSERT_TRUE(opened->wal->append(write));
      ASSERT_TRUE(opened->wal->sync());
    }
    ASSERT_TRUE(opened->wal->truncate_front(at(round * 10 + 1)));
    ASSERT_TRUE(opened->wal->close());
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace cairn::wal
