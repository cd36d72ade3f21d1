// Snapshots on a disk that is nearly full: docs/adr/0018-snapshots-without-room.md.
#include <gtest/gtest.h>

#include "wal/snapshots_fixture.h"

namespace cairn::wal {
namespace {

using test::Indexes;
using test::meta_at;
using test::noise;
using test::Store;

struct Transfer {
  Store from;
  std::string manifest;
  explicit Transfer(std::uint64_t index, std::size_t size = 2500000) : at(index) {
    EXPECT_TRUE(from.save(index, noise(size, index)));
    manifest = *from.store->manifest(meta_at(index));
  }
  Status send(SnapshotReceiver& to, std::uint64_t chunk) {
    return to.write_chunk(chunk, *from.store->chunk(meta_at(at), chunk));
  }
  Status send_all(Store* to) {
    auto receiver = TRY(to->store->receive(manifest));
    for (std::uint64_t i = receiver->next_chunk(); i < from.store->newest()->chunks; ++i)
      TRY(send(*receiver, i));
    return receiver->publish();
  }
  std::uint64_t at;
};

void leave_room(Store* store, std::uint64_t bytes) {
  store->disk.set_capacity(store->disk.used_bytes() + bytes);
}

TEST(SnapshotRoom, AReceivedOneThatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  Transfer transfer(7);
  Store to;
  leave_room(&to, 1000000);
  const std::vector<std::string> before = to.disk.files();
  const auto refused = to.store->receive(transfer.manifest);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, io::kFull);
  EXPECT_NE(refused.error().message.find("bytes more, and 1000000 are free"), std::string::npos);
  EXPECT_EQ(to.disk.files(), before);
  leave_room(&to, 2600000);
  EXPECT_TRUE(transfer.send_all(&to));
  EXPECT_EQ(*to.load(7), noise(2500000, 7));
}

TEST(SnapshotRoom, BesideWhatIsReceivedThereHasToBeSomeForTheLog) {
  Transfer transfer(7);
  Store to;
  leave_room(&to, 2600000);
  to.open({.room_beside_bytes = 200000});
  EXPECT_EQ(to.store->receive(transfer.manifest).error().code, io::kFull);
  to.open({.room_beside_bytes = 0});
  EXPECT_TRUE(transfer.send_all(&to));
}

TEST(SnapshotRoom, WhatHasArrivedIsKeptAndNeedsNoRoomAgain) {
  Transfer transfer(7);
  Store to;
  {
    auto receiver = to.store->receive(transfer.manifest);
    ASSERT_TRUE(receiver && transfer.send(**receiver, 0));
    leave_room(&to, 1000);
    const Status full = transfer.send(**receiver, 1);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, io::kFull);
  }
  const std::uint64_t changes = to.disk.change_count();
  EXPECT_EQ(to.store->receive(transfer.manifest).error().code, io::kFull);
  EXPECT_EQ(to.disk.change_count(), changes) << "nothing is written for an attempt in vain";
  leave_room(&to, 1700000);
  auto receiver = to.store->receive(transfer.manifest);
  ASSERT_TRUE(receiver) << receiver.error().message;
  EXPECT_EQ((*receiver)->next_chunk(), 1U);
  EXPECT_TRUE(transfer.send(**receiver, 1) && transfer.send(**receiver, 2) && (*receiver)->publish());
}

TEST(SnapshotRoom, TheOlderOneIsGivenBackAndNeverTheNewest) {
  Transfer transfer(7);
  Store to;
  ASSERT_TRUE(to.save(1, noise(2000000, 1)) && to.save(2, noise(100000, 2)));
  leave_room(&to, 1000000);
  EXPECT_EQ(to.store->receive(transfer.manifest).error().code, io::kFull);
  EXPECT_EQ(to.candidates(), Indexes{2});
  ASSERT_TRUE(transfer.send_all(&to)) << "there is room for it now";
  EXPECT_EQ(to.candidates(), (Indexes{7, 2}));
  leave_room(&to, 1000);
  EXPECT_EQ(to.save(8, noise(2000000, 8)).error().code, io::kFull) << "an own one finds none";
  EXPECT_EQ(to.candidates(), Indexes{7});
  EXPECT_EQ(*to.load(7), noise(2500000, 7));
}

// Both would not fit: the own one would be old news with the other's arrival, and nothing would ever arrive.
TEST(SnapshotRoom, AnOwnOneLeavesItToALaterOneOnItsWay) {
  Transfer transfer(7);
  Store to;
  auto receiver = to.store->receive(transfer.manifest);
  ASSERT_TRUE(receiver && transfer.send(**receiver, 0));
  leave_room(&to, 2000000);
  EXPECT_EQ(to.store->create(meta_at(5), 1000000).error().code, io::kFull);
  EXPECT_TRUE(to.store->create(meta_at(5), 200000)) << "both fit";
  EXPECT_TRUE(to.store->create(meta_at(7), 1000000)) << "as new as the other";
  leave_room(&to, 500000);
  EXPECT_TRUE(to.store->create(meta_at(5), 1000000)) << "the other one finds no room in any case";
  leave_room(&to, 2000000);
  EXPECT_TRUE(transfer.send(**receiver, 1) && transfer.send(**receiver, 2) && (*receiver)->publish());
  leave_room(&to, 1000);
  EXPECT_TRUE(to.store->create(meta_at(6), 1000000)) << "it has arrived";
}

TEST(SnapshotRoom, WhatNobodyWaitsForAnyMoreIsRemovedWithTheNextSnapshot) {
  Transfer transfer(7);
  Store to;
  {
    auto receiver = to.store->receive(transfer.manifest);
    ASSERT_TRUE(receiver && transfer.send(**receiver, 0));
  }
  ASSERT_TRUE(to.save(6, "six"));
  EXPECT_NE(to.disk.contents(to.chunks_path(7)), "") << "it is still news";
  ASSERT_TRUE(to.save(8, "eight"));
  EXPECT_EQ(to.chunks_path(7), "") << "the log has got there by itself";
}

}  // namespace
}  // namespace cairn::wal
