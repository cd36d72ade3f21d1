#include "wal/snapshot_store.h"

#include <gtest/gtest.h>

#include "sim_disk/sim_disk.h"
#include "wal/snapshots_fixture.h"

namespace cairn::wal {
namespace {

using test::Indexes;
using test::meta_at;
using test::noise;
using test::quarantined;
using test::Store;

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
    EXPECT_EQ(s.damaged(), Indexes{2}) << bit;
    s.disk.put(path, good);
  }
}

// As format 1 had it: lists of members one after the other, without incarnations and chain.
TEST(SnapshotStore, ReadsManifestsOfFormat1) {
  std::string bytes;
  const auto put = [&bytes](std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  };
  const raft::SnapshotMeta meta = meta_at(9);
  bytes = "CGSN";
  put(1, 4);
  put(meta.index.v, 8);
  put(meta.term.v, 8);
  const raft::Members& members = meta.members;
  for (const auto* list : {&members.voters, &members.voters_old, &members.learners, &members.learners_next}) {
    put(list->size(), 4);
    for (const raft::NodeId id : *list) put(id.v, 8);
  }
  put(1, 1);
  put(0, 8);
  put(hash64(std::as_bytes(std::span(bytes))), 8);
  const auto parsed = parse_manifest(bytes, "here");
  ASSERT_TRUE(parsed) << parsed.error().message;
  raft::SnapshotMeta expected = meta;
  expected.members.incarnations.clear();
  expected.chain = 0;
  EXPECT_EQ(parsed->meta, expected);
  EXPECT_EQ(parse_manifest(encode_manifest(*parsed), "here")->meta, expected);
  bytes[4] = 3;
  bytes.resize(bytes.size() - 8);
  put(hash64(std::as_bytes(std::span(bytes))), 8);
  EXPECT_NE(parse_manifest(bytes, "here").error().message.find("E_FORMAT_NEWER"), std::string::npos);
}

TEST(SnapshotStore, ManifestsBeyondTheLimitsAreRefused) {
  Manifest manifest;
  manifest.meta = meta_at(9);
  manifest.chunks.resize(100, {0, 1, 1, {}});
  const std::string bytes = encode_manifest(manifest);
  EXPECT_TRUE(parse_manifest(bytes, "here", {.manifest_bytes_max = bytes.size(), .members_max = 3}));
  EXPECT_FALSE(parse_manifest(bytes, "here", {.manifest_bytes_max = bytes.size() - 1}));
  EXPECT_FALSE(parse_manifest(bytes, "here", {.members_max = 2}));
}

TEST(SnapshotStore, KeepsAndSyncsAsTheLimitsSay) {
  Store s;
  s.open({.kept = 1, .unsynced_bytes_max = 1});
  ASSERT_TRUE(s.save(1, noise(2500000, 1)));
  ASSERT_TRUE(s.save(2, noise(2500000, 2)));
  EXPECT_EQ(s.candidates(), Indexes{2});
  s.open({.kept = 3});
  for (std::uint64_t index = 3; index <= 5; ++index) ASSERT_TRUE(s.save(index, noise(100, index)));
  EXPECT_EQ(s.candidates(), (Indexes{5, 4, 3}));
  EXPECT_EQ(s.store->newest()->meta.index, raft::Index{5});
}

TEST(SnapshotStore, TheOlderOneIsThereWhenTheNewestIsDamaged) {
  for (const bool in_manifest : {true, false}) {
    Store s;
    ASSERT_TRUE(s.save(1, noise(1000, 1)));
    ASSERT_TRUE(s.save(2, noise(1000, 2)));
    s.disk.flip_bit(in_manifest ? s.manifest_path(2) : s.chunks_path(2), 77);
    s.open();
    EXPECT_EQ(s.candidates(), in_manifest ? Indexes{1} : (Indexes{2, 1}));
    EXPECT_EQ(s.damaged(), in_manifest ? Indexes{2} : Indexes{});
    EXPECT_EQ(s.load(2).error().code, in_manifest ? Code::not_found : Code::data_loss);
    const auto where = s.store->put_aside(meta_at(2));
    ASSERT_TRUE(where) << where.error().message;
    EXPECT_EQ(*where, quarantined(2));
    EXPECT_EQ(s.candidates(), Indexes{1});
    EXPECT_EQ(s.damaged(), Indexes{});
    s.open();
    EXPECT_EQ(s.candidates(), Indexes{1});
    EXPECT_EQ(*s.load(1), noise(1000, 1));
    EXPECT_EQ(s.store->put_aside(meta_at(2)).error().code, Code::not_found);
    // Again at the same index, and damaged again: both stay as evidence.
    ASSERT_TRUE(s.save(2, noise(1000, 2)));
    EXPECT_EQ(*s.store->put_aside(meta_at(2)), quarantined(2) + ".2");
    EXPECT_NE(s.disk.contents(quarantined(2) + "/chunks"), "");
    EXPECT_NE(s.disk.contents(quarantined(2) + ".2/chunks"), "");
  }
}

TEST(SnapshotStore, MissingFilesAndStrangeManifestsAreDamage) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(1000, 1)));
  ASSERT_TRUE(s.save(2, noise(1000, 2)));
  s.disk.put(s.manifest_path(2), s.disk.contents(s.manifest_path(1)));
  s.open();
  EXPECT_EQ(s.damaged(), Indexes{2});
  ASSERT_TRUE(s.disk.remove(s.manifest_path(1)));
  s.open();
  EXPECT_EQ(s.candidates(), Indexes{});
  EXPECT_EQ(s.damaged(), (Indexes{2, 1}));
  EXPECT_NE(s.store->damaged()[1].why.message.find("missing"), std::string::npos);
  ASSERT_TRUE(s.save(3, noise(1000, 3)));
  ASSERT_TRUE(s.disk.remove(s.chunks_path(3)));
  EXPECT_EQ(s.load(3).error().code, Code::data_loss);
  EXPECT_EQ(s.store->chunk(meta_at(3), 0).error().code, Code::data_loss);
}

TEST(SnapshotStore, WhatCannotBeReadIsDamaged) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(1000, 1)));
  for (const bool sends : {true, false}) {
    int named = 0;
    for (std::uint64_t nth = 1;; ++nth) {
      s.open();
      s.disk.fail_io(nth, Code::internal, false);
      const Result<std::string> got = sends ? s.store->chunk(meta_at(1), 0) : s.load(1);
      s.disk.clear_faults();
      if (got) break;
      ASSERT_LT(nth, 20U);
      if (got.error().code == Code::internal) continue;  // a file that cannot be opened says nothing
      EXPECT_EQ(got.error().code, Code::data_loss);
      EXPECT_NE(got.error().message.find("cannot be read"), std::string::npos) << got.error().message;
      ++named;
    }
    EXPECT_EQ(named, 2) << "the manifest, and the chunk";
  }
}

TEST(SnapshotStore, WhatIsPutAsideIsSentNoMore) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(2500000, 1)));
  ASSERT_TRUE(s.store->chunk(meta_at(1), 0));
  s.disk.flip_bit(s.chunks_path(1), (1 << 20) * 8 + 80000);
  const auto bad = s.store->chunk(meta_at(1), 1);
  EXPECT_EQ(bad.error().code, Code::data_loss);
  EXPECT_NE(bad.error().message.find("chunk 1"), std::string::npos) << bad.error().message;
  ASSERT_TRUE(s.store->put_aside(meta_at(1)));
  EXPECT_EQ(s.store->chunk(meta_at(1), 0).error().code, Code::not_found);
  EXPECT_EQ(s.store->manifest(meta_at(1)).error().code, Code::not_found);
  EXPECT_FALSE(s.store->newest());
  // Made again at the same index, of other sizes: nothing of the old table is believed.
  ASSERT_TRUE(s.save(1, noise(1000, 9)));
  EXPECT_EQ(s.store->chunk(meta_at(1), 1).error().code, Code::out_of_range);
  EXPECT_TRUE(s.store->chunk(meta_at(1), 0));
}

TEST(SnapshotStore, PublishingOverADamagedOneKeepsTheEvidence) {
  Store s;
  ASSERT_TRUE(s.save(1, noise(1000, 1)));
  s.disk.flip_bit(s.chunks_path(1), 80);
  const std::string bad = s.disk.contents(s.chunks_path(1));
  ASSERT_TRUE(s.save(1, noise(1000, 1)));
  EXPECT_EQ(*s.load(1), noise(1000, 1));
  EXPECT_EQ(s.disk.contents(quarantined(1) + "/chunks"), bad);
  EXPECT_EQ(s.candidates(), Indexes{1});
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

// A sync that fails leaves pages that read as if they had been written: what an attempt has left behind is
// written once more by the next one, or a power cut would take what was reported as durable.
TEST(SnapshotStore, AnAttemptAfterAFailedIoIsDurableAllTheSame) {
  Store from;
  const std::string content = noise(2500000, 3);
  ASSERT_TRUE(from.save(7, content));
  const raft::SnapshotMeta meta = meta_at(7);
  const std::string manifest = *from.store->manifest(meta);
  const auto transfer = [&](Store* to) -> Status {
    auto receiver = TRY(to->store->receive(manifest));
    for (std::uint64_t i = receiver->next_chunk(); i < 3; ++i)
      TRY(receiver->write_chunk(i, *from.store->chunk(meta, i)));
    return receiver->publish();
  };
  Prng prng(5);
  std::uint64_t failed = 0;
  for (std::uint64_t nth = 1; nth < 60; ++nth) {  // more than there are
    Store to;
    to.disk.fail_io(nth, Code::internal, false);
    failed += transfer(&to) ? 0 : 1;
    to.disk.clear_faults();
    if (nth % 2 == 0) to.open();
    ASSERT_TRUE(transfer(&to)) << nth;
    to.store = nullptr;
    to.disk.crash(prng, {.keep = 0, .lose = 1, .tear = 0, .names = sim::CrashOptions::Names::lose_all});
    to.open();
    ASSERT_TRUE(to.store->newest()) << "failed at " << nth;
    const auto loaded = to.load(7);
    ASSERT_TRUE(loaded) << "failed at " << nth << ": " << loaded.error().message;
    EXPECT_EQ(*loaded, content);
  }
  EXPECT_GT(failed, 10U);
}

// At whatever change the power goes: the damaged one is found as damaged again or is aside, the older one
// stays, and putting it aside can be done again.
TEST(SnapshotStore, ACrashWhilePuttingAsideLeavesItDoneOrNot) {
  using Names = sim::CrashOptions::Names;
  for (const Names names : {Names::keep_all, Names::lose_all, Names::prefix}) {
    Prng prng(12);
    for (std::uint64_t stop = 1;; ++stop) {
      Store s;
      ASSERT_TRUE(s.save(1, noise(1000, 1)));
      ASSERT_TRUE(s.save(2, noise(1000, 2)));
      s.disk.flip_bit(s.manifest_path(2), 80);
      s.open();
      s.disk.stop_at_change(stop);
      const bool done = s.store->put_aside(meta_at(2)).has_value();
      s.store = nullptr;
      s.disk.crash(prng, {.names = names});
      s.open();
      EXPECT_EQ(s.candidates(), Indexes{1});
      EXPECT_EQ(*s.load(1), noise(1000, 1));
      const bool aside = *s.disk.exists(quarantined(2) + "/MANIFEST");
      EXPECT_TRUE(!done || (aside && s.damaged().empty())) << stop;
      for (const DamagedSnapshot& each : s.store->damaged())
        ASSERT_TRUE(s.store->put_aside(each.meta)) << stop;
      s.open();
      EXPECT_EQ(s.damaged(), Indexes{});
      ASSERT_TRUE(s.save(2, noise(1000, 2)));
      EXPECT_EQ(*s.load(2), noise(1000, 2));
      if (done) break;
    }
  }
}

TEST(SnapshotStore, AFolderInPlaceOfAFileIsDamage) {
  for (const std::string file : {"MANIFEST", "chunks"}) {
    Store store;
    ASSERT_TRUE(store.save(10, "ten"));
    const std::string dir = "data/snap/" + snapshot_name(meta_at(10));
    ASSERT_TRUE(store.disk.remove(dir + "/" + file) && store.disk.make_dir(dir + "/" + file));
    store.disk.put("data/snap/1.tmp", "a file where a folder belongs");
    store.open();
    EXPECT_FALSE(*store.disk.exists("data/snap/1.tmp"));
    EXPECT_EQ(store.store->damaged().size(), file == "MANIFEST" ? 1U : 0U);
    if (file == "chunks") {
      EXPECT_EQ(store.load(10).error().code, Code::data_loss);
    }
    EXPECT_TRUE(store.store->put_aside(meta_at(10)));
    EXPECT_TRUE(*store.disk.exists("data/quarantine/snap-" + snapshot_name(meta_at(10)) + "/" + file));
  }
}

}  // namespace
}  // namespace cairn::wal
