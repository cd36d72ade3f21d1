#include "wal/snapshot_store.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"
#include "wal/test_log.h"

namespace cairn::wal {
namespace {

using test::snapshot_at;

std::string noise(std::size_t size, std::uint64_t seed) {
  Prng prng(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(prng.next());
  return out;
}

raft::SnapshotMeta meta_at(std::uint64_t index) {
  raft::SnapshotMeta meta = snapshot_at(index, 2);
  meta.members.voters = {raft::NodeId{1}, raft::NodeId{2}, raft::NodeId{3}};
  meta.members.voters_old = {raft::NodeId{1}, raft::NodeId{4}};
  meta.members.learners = {raft::NodeId{5}};
  meta.members.learners_next = {raft::NodeId{4}};
  meta.members.auto_leave = true;
  return meta;
}

struct Store {
  sim::SimDisk disk;
  std::unique_ptr<SnapshotStore> store;

  Store() {
    disk.put("data/junk", "");
    open();
  }
  void open() {
    auto result = SnapshotStore::open(disk, "data");
    ASSERT_TRUE(result) << result.error().message;
    store = std::move(*result);
  }
  Status save(std::uint64_t index, std::string_view content, std::size_t piece_size = 300000) {
    auto writer = TRY(store->create(meta_at(index)));
    while (!content.empty()) {
      const std::string_view piece = content.substr(0, piece_size);
      TRY(writer->write(piece));
      content.remove_prefix(piece.size());
    }
    return writer->publish();
  }
  Result<std::string> load(std::uint64_t index, std::size_t piece_size = 70000) {
    const auto source = TRY(store->read(meta_at(index)));
    std::string out;
    std::vector<char> piece(piece_size);
    while (const std::size_t size = TRY(source->read(piece))) out.append(piece.data(), size);
    return out;
  }
  std::string chunks_path(std::uint64_t index) {
    for (const std::string& file : disk.files()) {
      if (file.find("/" + std::string(20 - std::to_string(index).size(), '0') + std::to_string(index) +
                    "-") != std::string::npos &&
          file.ends_with("/chunks")) {
        return file;
      }
    }
    return "";
  }
};

TEST(SnapshotStore, ReadsBackWhatWasPublished) {
  Store s;
  EXPECT_FALSE(s.store->newest());
  const std::string content = noise(2500000, 1);
  ASSERT_TRUE(s.save(10, content));
  s.open();
  ASSERT_TRUE(s.store->newest());
  EXPECT_EQ(s.store->newest()->meta, meta_at(10));
  EXPECT_EQ(s.store->newest()->chunks, 3U);
  EXPECT_EQ(s.store->newest()->bytes, content.size());
  EXPECT_EQ(*s.load(10), content);
}

TEST(SnapshotStore, TheSizesOfWritesAndReadsShowNowhere) {
  constexpr std::size_t kMiB = 1 << 20;
  const std::string content = noise(5 * kMiB + 1234, 1);
  std::string stored;
  for (const std::size_t size : {std::size_t{300000}, kMiB - 1, kMiB, kMiB + 1, 3 * kMiB, content.size()}) {
    Store s;
    ASSERT_TRUE(s.save(10, content, size));
    if (stored.empty()) stored = s.disk.contents(s.chunks_path(10));
    EXPECT_TRUE(s.disk.contents(s.chunks_path(10)) == stored) << size;
    EXPECT_TRUE(*s.load(10, size) == content) << size;
  }
}

TEST(SnapshotStore, StoresWhatDoesNotShrinkAsItIs) {
  constexpr std::size_t kMiB = 1 << 20;
  Store s;
  const std::string random = noise(kMiB, 1), monotonous(kMiB, 'x');
  // Half and half: one that shrinks in places shrinks.
  const std::string mixed = random.substr(kMiB / 2) + monotonous.substr(kMiB / 2);
  ASSERT_TRUE(s.save(1, random));
  EXPECT_LE(s.store->newest()->stored_bytes, kMiB + 64);
  ASSERT_TRUE(s.save(2, monotonous));
  EXPECT_LT(s.store->newest()->stored_bytes, kMiB / 100);
  ASSERT_TRUE(s.save(3, mixed));
  EXPECT_LT(s.store->newest()->stored_bytes, kMiB * 6 / 10);
  EXPECT_TRUE(*s.load(3) == mixed);
}

TEST(SnapshotStore, AnEmptyStateIsASnapshotToo) {
  Store s;
  ASSERT_TRUE(s.save(10, ""));
  s.open();
  EXPECT_EQ(*s.load(10), "");
}

TEST(SnapshotStore, KeepsTheNewestTwo) {
  Store s;
  for (std::uint64_t index = 1; index <= 5; ++index) ASSERT_TRUE(s.save(index, noise(100, index)));
  s.open();
  EXPECT_EQ(s.store->newest()->meta.index, raft::Index{5});
  EXPECT_TRUE(s.load(4));
  EXPECT_FALSE(s.load(3));
}

TEST(SnapshotStore, AnUnpublishedOneLeavesNothing) {
  Store s;
  {
    auto writer = s.store->create(meta_at(10));
    ASSERT_TRUE((*writer)->write(noise(1500000, 1)));
  }
  EXPECT_EQ(s.disk.files(), std::vector<std::string>{"data/junk"});
}

TEST(SnapshotStore, AFullDiskLeavesThePublishedOne) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(500000, 1)));
  s.disk.set_capacity(s.disk.used_bytes() + 1000000);
  const Status full = s.save(2, noise(3000000, 2));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  EXPECT_EQ(*s.load(1), noise(500000, 1));
  s.open();
  EXPECT_EQ(s.store->newest()->meta.index, raft::Index{1});
  EXPECT_TRUE(s.save(2, noise(1000, 2)));
}

TEST(SnapshotStore, NamesTheDamagedChunk) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(2500000, 1)));
  s.disk.flip_bit(s.chunks_path(1), (1 << 20) * 8 + 80000);
  const auto read = s.load(1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::data_loss);
  EXPECT_NE(read.error().message.find("chunk 1"), std::string::npos) << read.error().message;
}

TEST(SnapshotStore, EveryDamagedManifestByteIsNoticed) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(1000, 1)));
  ASSERT_TRUE(s.save(2, noise(1000, 2)));
  const std::string path = s.chunks_path(2).substr(0, s.chunks_path(2).size() - 6) + "MANIFEST";
  const std::string good = s.disk.contents(path);
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 3) {
    s.disk.flip_bit(path, bit);
    s.open();
    EXPECT_EQ(s.store->newest()->meta.index, raft::Index{1}) << bit;
    s.disk.put(path, good);
  }
}

TEST(SnapshotStore, TransfersChunkByChunkAndResumes) {
  Store from, to;
  const std::string content = noise(4500000, 3);
  ASSERT_TRUE(from.save(7, content));
  const raft::SnapshotMeta meta = meta_at(7);
  const std::string manifest = *from.store->manifest(meta);
  {
    auto receiver = *to.store->receive(manifest);
    EXPECT_EQ(receiver->next_chunk(), 0U);
    for (std::uint64_t i = 0; i < 3; ++i) ASSERT_TRUE(receiver->write_chunk(i, *from.store->chunk(meta, i)));
    std::string bad = *from.store->chunk(meta, 3);
    bad[5] = static_cast<char>(bad[5] ^ 1);
    EXPECT_EQ(receiver->write_chunk(3, bad).error().code, Code::data_loss);
    EXPECT_EQ(receiver->write_chunk(4, *from.store->chunk(meta, 4)).error().code, Code::out_of_range);
    EXPECT_FALSE(receiver->publish());
  }
  to.open();
  EXPECT_FALSE(to.store->newest());
  auto receiver = *to.store->receive(manifest);
  EXPECT_EQ(receiver->next_chunk(), 3U);
  for (std::uint64_t i = 3; i < 5; ++i) ASSERT_TRUE(receiver->write_chunk(i, *from.store->chunk(meta, i)));
  ASSERT_TRUE(receiver->publish());
  EXPECT_EQ(*to.load(7), content);
  EXPECT_EQ(to.disk.contents(to.chunks_path(7)), from.disk.contents(from.chunks_path(7)));
}

TEST(SnapshotStore, ACrashAtEveryChangeLeavesAReadableNewest) {
  Prng prng(11);
  for (std::uint64_t stop = 1;; ++stop) {
    Store s;
    ASSERT_TRUE(s.save(1, noise(1200000, 1)));
    ASSERT_TRUE(s.save(2, noise(1200000, 2)));
    s.disk.stop_at_change(stop);
    const bool saved = s.save(3, noise(1200000, 3)).has_value();
    s.store = nullptr;
    s.disk.crash(prng);
    s.open();
    ASSERT_TRUE(s.store->newest());
    const std::uint64_t newest = s.store->newest()->meta.index.v;
    EXPECT_TRUE(newest == 3 || (newest == 2 && !saved)) << newest << " after a stop at " << stop;
    EXPECT_EQ(*s.load(newest), noise(1200000, newest)) << stop;
    if (saved) break;
    ASSERT_TRUE(s.save(4, noise(1000, 4)));
  }
}

TEST(SnapshotStore, EveryFailingIoLeavesAReadableNewest) {
  for (std::uint64_t nth = 1;; ++nth) {
    Store s;
    ASSERT_TRUE(s.save(1, noise(1000, 1)));
    s.disk.fail_io(nth, Code::internal, false);
    const bool saved = s.save(2, noise(1000, 2)).has_value();
    s.disk.clear_faults();
    s.open();
    ASSERT_TRUE(s.store->newest());
    const std::uint64_t newest = s.store->newest()->meta.index.v;
    EXPECT_TRUE(newest == 2 || !saved);
    EXPECT_EQ(*s.load(newest), noise(1000, newest));
    if (saved) break;
  }
}

}  // namespace
}  // namespace cairn::wal
