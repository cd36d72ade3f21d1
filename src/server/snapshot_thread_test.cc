// The snapshot thread under streams that meet: what one peer sends never ends this process or harms
// another's.
#include "server/snapshot_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "etcd/validate.h"
#include "mvcc/changes.h"
#include "sim_disk/sim_disk.h"

namespace cairn::server {
namespace {

using raft::NodeId;

raft::SnapshotMeta meta_at(std::uint64_t index) {
  raft::SnapshotMeta meta;
  meta.index = raft::Index{index};
  meta.term = raft::Term{2};
  meta.members.voters = {NodeId{1}, NodeId{2}, NodeId{3}};
  return meta;
}

std::unique_ptr<wal::SnapshotStore> store_on(sim::SimDisk* disk) {
  disk->put("data/junk", "");
  auto store = wal::SnapshotStore::open(*disk, "data");
  EXPECT_TRUE(store.has_value());
  return std::move(*store);
}

// Calls a method that answers through a callback on the snapshot thread, and waits for the answer.
template <class Answer, class Call>
Answer wait_for(Call call) {
  const auto answer = std::make_shared<std::promise<Answer>>();  // the thread may still be leaving set_value
  call([answer](Answer given) { answer->set_value(std::move(given)); });
  return answer->get_future().get();
}

struct Sender {
  sim::SimDisk disk;
  std::unique_ptr<wal::SnapshotStore> store = store_on(&disk);

  explicit Sender(std::initializer_list<std::uint64_t> indexes) {
    for (const std::uint64_t index : indexes) {
      auto writer = store->create(meta_at(index));
      EXPECT_TRUE(writer.has_value());
      EXPECT_TRUE((*writer)->write("state at " + std::to_string(index)).has_value());
      EXPECT_TRUE((*writer)->publish().has_value());
    }
  }
  std::string manifest(std::uint64_t index) { return *store->manifest(meta_at(index)); }
  std::string chunk(std::uint64_t index) { return *store->chunk(meta_at(index), 0); }
};

struct Receiver {
  sim::SimDisk disk;
  Pace pace;
  std::atomic<std::uint64_t> lost = 0;  // its index
  SnapshotThread thread{store_on(&disk), &pace,
                        [this](const raft::SnapshotMeta& meta) { lost = meta.index.v; }};

  Result<std::uint64_t> begin(std::uint64_t from, std::uint64_t index, const std::string& manifest) {
    return wait_for<Result<std::uint64_t>>(
        [&](auto done) { thread.begin_receive(NodeId{from}, meta_at(index), manifest, done); });
  }
  Status chunk(std::uint64_t from, std::uint64_t number, const std::string& stored) {
    return wait_for<Status>([&](auto done) { thread.receive_chunk(NodeId{from}, number, stored, done); });
  }
  Status finish(std::uint64_t from) {
    return wait_for<Status>([&](auto done) { thread.finish_receive(NodeId{from}, done); });
  }
  std::optional<wal::SnapshotInfo> newest() {
    return wait_for<std::optional<wal::SnapshotInfo>>([&](auto done) { thread.newest(done); });
  }
};

TEST(SnapshotThread, StreamOfAnotherLeaderEndsTheOlderOne) {
  Sender sender{10, 20};
  Receiver receiver;
  EXPECT_EQ(receiver.begin(1, 10, sender.manifest(10)), 0U);
  EXPECT_EQ(receiver.begin(2, 20, sender.manifest(20)), 0U);
  EXPECT_FALSE(receiver.chunk(1, 0, sender.chunk(10)).has_value());
  EXPECT_FALSE(receiver.finish(1).has_value());
  EXPECT_TRUE(receiver.chunk(2, 0, sender.chunk(20)).has_value());
  EXPECT_TRUE(receiver.finish(2).has_value());
  EXPECT_EQ(receiver.newest()->meta.index, raft::Index{20});
}

TEST(SnapshotThread, TwoStreamsOfTheSameSnapshotMakeOne) {
  Sender sender{10};
  Receiver receiver;
  EXPECT_EQ(receiver.begin(1, 10, sender.manifest(10)), 0U);
  EXPECT_TRUE(receiver.chunk(1, 0, sender.chunk(10)).has_value());
  EXPECT_EQ(receiver.begin(2, 10, sender.manifest(10)), 1U) << "goes on where the other one was";
  EXPECT_FALSE(receiver.finish(1).has_value());
  EXPECT_TRUE(receiver.finish(2).has_value());
  EXPECT_EQ(receiver.newest()->meta.index, raft::Index{10});
}

TEST(SnapshotThread, PeerThatSendsSomethingElseThanItAnnouncedIsRefused) {
  Sender sender{10};
  Receiver receiver;
  // What the core is offered and what the files would be are two things.
  EXPECT_FALSE(receiver.begin(1, 11, sender.manifest(10)).has_value());
  EXPECT_FALSE(receiver.chunk(1, 0, sender.chunk(10)).has_value());
  EXPECT_EQ(receiver.begin(1, 10, sender.manifest(10)), 0U);
  EXPECT_FALSE(receiver.chunk(1, 7, sender.chunk(10)).has_value());
  EXPECT_FALSE(receiver.chunk(1, 0, "something else").has_value());
  EXPECT_FALSE(receiver.finish(1).has_value());
  EXPECT_FALSE(receiver.newest().has_value());
}

// A disk may rot under a running member: whatever of its snapshot no longer is what it was, no peer gets it.
TEST(SnapshotThread, DamagedSnapshotIsPutAsideAndNotSent) {
  for (const char* const file : {"chunks", "MANIFEST"}) {
    Sender sender{10, 20};
    Receiver member;
    for (const std::uint64_t index : {10U, 20U}) {
      ASSERT_EQ(member.begin(1, index, sender.manifest(index)), 0U);
      ASSERT_TRUE(member.chunk(1, 0, sender.chunk(index)).has_value());
      ASSERT_TRUE(member.finish(1).has_value());
    }
    const std::string name = "00000000000000000020-00000000000000000002";
    member.disk.flip_bit("data/snap/" + name + "/" + file, 70);
    const auto ask = [&](std::uint64_t index) {
      const auto manifest =
          wait_for<Result<std::string>>([&](auto done) { member.thread.manifest(meta_at(index), done); });
      if (!manifest) return manifest;
      return wait_for<Result<std::string>>([&](auto done) { member.thread.chunk(meta_at(index), 0, done); });
    };
    EXPECT_EQ(ask(20).error().code, Code::data_loss);
    EXPECT_EQ(member.newest()->meta.index, raft::Index{10});
    EXPECT_EQ(member.lost, 20U);
    EXPECT_EQ(ask(20).error().code, Code::not_found);
    EXPECT_TRUE(ask(10).has_value());
    EXPECT_NE(member.disk.contents("data/quarantine/snap-" + name + "/chunks"), "");
  }
}

// A state whose saving is half done when the thread is stopped.
class ViewThatAwaitsTheStop final : public mvcc::View {
 public:
  ViewThatAwaitsTheStop(std::promise<void>* half_done, std::function<bool()> stopped)
      : half_done_(half_done), stopped_(std::move(stopped)) {}
  Status save(ByteSink* sink) const override {
    TRY(sink->write("one half"));
    half_done_->set_value();
    while (!stopped_()) std::this_thread::yield();
    return sink->write("the other half");
  }

  mvcc::Outcome range(etcd::Checked<etcdserverpb::RangeRequest>) const override { return {}; }
  mvcc::Outcome page(etcd::Checked<etcdserverpb::RangeRequest>) const override { return {}; }
  mvcc::Outcome txn(etcd::Checked<etcdserverpb::TxnRequest>, std::uint64_t) const override { return {}; }
  mvcc::RangeAnswer open_range(etcd::Checked<etcdserverpb::RangeRequest>) const override { return {}; }
  mvcc::Changes changes(mvcc::ChangePlace from) const override { return {{}, from, nullptr}; }
  std::uint64_t applied_index() const override { return 10; }
  std::int64_t revision() const override { return 1; }
  std::int64_t compact_revision() const override { return 0; }
  std::uint64_t key_count() const override { return 0; }
  std::uint64_t size_bytes() const override { return 0; }
  std::uint64_t size_in_use_bytes() const override { return 0; }
  const mvcc::MemberMap& members() const override { return members_; }
  const mvcc::AlarmList& alarms() const override { return alarms_; }
  const mvcc::AuthState& auth() const override { return auth_; }
  Status permits(const mvcc::Caller&, const etcd::Effects&) const override { return {}; }
  mvcc::RangeAnswer hash_kv(std::int64_t) const override { return {}; }
  std::unique_ptr<LongMessage> etcd_file() const override { return nullptr; }
  std::uint64_t state_hash() const override { return 0; }
  std::uint64_t lease_count() const override { return 0; }
  std::optional<mvcc::LeaseInfo> lease(std::int64_t) const override { return std::nullopt; }
  std::vector<mvcc::LeaseInfo> leases_after(std::optional<std::int64_t>, std::size_t) const override {
    return {};
  }
  void lease_keys(std::int64_t, const std::function<bool(std::string_view)>&) const override {}
  std::uint64_t hash() const override { return 0; }

 private:
  std::promise<void>* const half_done_;
  const std::function<bool()> stopped_;
  const mvcc::MemberMap members_;
  const mvcc::AlarmList alarms_;
  const mvcc::AuthState auth_;
};

TEST(SnapshotThread, StopDoesNotWaitForAWholeSaveAndLeavesNothingOfIt) {
  Time now;
  bool rested = false;
  Pace pace({.now = [&now] { return now += std::chrono::seconds(1); },
             .sleep = [&rested](Duration) { rested = true; }});
  // A stop takes the rests away.
  const auto stopped = [&pace, &rested] {
    rested = false;
    pace.rest();
    return !rested;
  };
  sim::SimDisk disk;
  SnapshotThread thread(store_on(&disk), &pace, [](const raft::SnapshotMeta&) {});
  const std::vector<std::string> files_before = disk.files();
  std::promise<void> half_done;
  std::optional<Status> saved;
  thread.save(meta_at(10), std::make_shared<ViewThatAwaitsTheStop>(&half_done, stopped),
              [&saved](Status status) { saved = std::move(status); });
  half_done.get_future().wait();
  thread.stop();
  ASSERT_TRUE(saved.has_value());
  ASSERT_FALSE(saved->has_value()) << "the save went on to its end";
  EXPECT_EQ(saved->error().code, Code::cancelled);
  EXPECT_EQ(disk.files(), files_before);
}

// What a peer asks for beyond the limit is refused at once, and may be asked for again; nothing waits for it.
TEST(SnapshotThread, TasksBeyondTheLimitAreRefusedAtOnce) {
  Pace pace;
  sim::SimDisk disk;
  SnapshotThread thread(store_on(&disk), &pace, [](const raft::SnapshotMeta&) {},
                        {.tasks_max = 2, .nice = 0});
  std::promise<void> busy, go_on;
  thread.newest([&](const std::optional<wal::SnapshotInfo>&) {
    busy.set_value();
    go_on.get_future().wait();
  });
  busy.get_future().wait();
  std::vector<Code> answers;  // of those refused here, the others on its thread, one after the other
  const auto answered = [&answers](const Status& done) { answers.push_back(done.error().code); };
  for (int i = 0; i < 3; ++i) thread.receive_chunk(NodeId{1}, 0, "", answered);
  EXPECT_EQ(answers, std::vector<Code>{Code::resource_exhausted});
  go_on.set_value();
  thread.stop();
  EXPECT_EQ(answers, (std::vector<Code>{Code::resource_exhausted, Code::failed_precondition,
                                        Code::failed_precondition}));
}

}  // namespace
}  // namespace cairn::server
