// Maintenance/Snapshot over a member without a cluster: what comes, in which pieces, and when it waits or
// ends.
#include <gtest/gtest.h>

#include <cstring>

#include "api/member_fixture.h"
#include "base/sha256.h"
#include "bbolt/reader.h"
#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

struct BackupCall final : rpc::GrpcCall {
  std::vector<etcdserverpb::SnapshotResponse> sent;
  std::size_t room = 1 << 20;  // messages
  bool finished = false;
  Code code = Code::unknown;

  std::string_view method() const override { return ""; }
  std::string_view metadata(std::string_view) const override { return ""; }
  std::optional<Time> deadline() const override { return std::nullopt; }
  bool cancelled() const override { return false; }
  std::size_t unsent_bytes() const override { return 0; }
  bool has_room() override { return room > 0; }
  void pause() override {}
  void resume() override {}
  void send(std::string_view head, std::string_view body) override {
    --room;
    EXPECT_TRUE(sent.emplace_back().ParseFromString(std::string(head) + std::string(body)));
  }
  void send(std::string_view, std::unique_ptr<LongMessage>) override { FAIL(); }
  void finish(Code with, std::string_view) override {
    finished = true;
    code = with;
  }
};

struct FileBytes final : bbolt::Bytes {
  explicit FileBytes(std::string given) : text(std::move(given)) {}
  std::uint64_t size() const override { return text.size(); }
  Status read(std::uint64_t offset, std::span<char> into) override {
    std::memcpy(into.data(), text.data() + offset, into.size());
    return {};
  }
  std::string text;
};

struct BackupApi : testing::Test {
  FakeMember member;
  std::optional<Time> wake_at;
  Api api{{.name = "n1",
           .wake_at = [this](Time time) { wake_at = time; },
           .backups_max = 2,
           .backup_stall_max = std::chrono::seconds(5)},
          member};
  std::shared_ptr<BackupCall> call = std::make_shared<BackupCall>();
  std::vector<std::unique_ptr<rpc::GrpcStream>> streams;

  void open() {
    streams.push_back(api.open_stream(*api.find_method("/etcdserverpb.Maintenance/Snapshot"), call));
    if (streams.back() != nullptr) streams.back()->on_message("");
  }
  void put(const std::string& key, const std::string& value) {
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    node::ClientWrite write;
    write.kind = node::CommandKind::put;
    write.request = request.SerializeAsString();
    write.responder = std::make_unique<Ignored>();
    member.write(std::move(write));
  }
  struct Ignored final : node::WriteResponder {
    void done(mvcc::Outcome outcome) override { EXPECT_EQ(outcome.code, Code::ok) << outcome.error; }
  };
  std::string file() const {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < call->sent.size(); ++i) bytes += call->sent[i].blob();
    return bytes;
  }
};

TEST_F(BackupApi, IsAFileInPiecesAndItsDigest) {
  for (int i = 0; i < 300; ++i) put("key" + std::to_string(i % 100), std::string(1000, 'v'));
  open();
  ASSERT_TRUE(call->finished);
  EXPECT_EQ(call->code, Code::ok);
  const std::string bytes = file();
  EXPECT_GT(bytes.size(), 300'000U);
  EXPECT_EQ(bytes.size() % 4096, 0U);
  std::uint64_t left = bytes.size();
  for (const etcdserverpb::SnapshotResponse& each : call->sent) {
    EXPECT_LE(each.blob().size(), 32U << 10);
    EXPECT_FALSE(each.has_header());
    if (&each != &call->sent.back()) left -= each.blob().size();
    EXPECT_EQ(each.remaining_bytes(), left);
  }
  Sha256 hash;
  hash.update(bytes);
  EXPECT_EQ(call->sent.back().blob(), hash.digest());

  FileBytes source(bytes);
  auto reader = bbolt::Reader::open(&source);
  ASSERT_TRUE(reader.has_value()) << reader.error().message;
  std::size_t records = 0;
  ASSERT_TRUE(reader
                  ->each(*reader->find("key"),
                         [&](std::string_view, std::string_view) -> Status {
                           ++records;
                           return {};
                         })
                  .has_value());
  EXPECT_EQ(records, 300U);
}

TEST_F(BackupApi, IsOfTheStateOfItsBeginning) {
  for (int i = 0; i < 100; ++i) put("key", std::string(10'000, 'v'));
  call->room = 3;
  open();
  EXPECT_EQ(call->sent.size(), 3U);
  put("later", "");
  call->room = 1000;
  streams[0]->on_room();
  ASSERT_TRUE(call->finished);
  EXPECT_EQ(file().find("later"), std::string::npos);
}

TEST_F(BackupApi, WhoIsBeingTakenInGivesNone) {
  member.full = false;
  open();
  EXPECT_TRUE(call->finished);
  EXPECT_EQ(call->code, Code::unavailable);
  EXPECT_TRUE(call->sent.empty());
}

TEST_F(BackupApi, WhoDoesNotReadIsCutOff) {
  for (int i = 0; i < 100; ++i) put("key", std::string(10'000, 'v'));
  call->room = 3;
  open();
  ASSERT_TRUE(wake_at.has_value());
  member.passed = std::chrono::seconds(4);
  call->room = 12;
  streams[0]->on_room();
  member.passed = std::chrono::seconds(5);
  api.woken();
  EXPECT_FALSE(call->finished);  // it has moved since
  member.passed = std::chrono::seconds(10);
  api.woken();
  ASSERT_TRUE(call->finished);
  EXPECT_EQ(call->code, Code::resource_exhausted);
}

TEST_F(BackupApi, WhoReadsInDropsIsCutOff) {
  for (int i = 0; i < 100; ++i) put("key", std::string(10'000, 'v'));
  call->room = 1;
  open();
  for (int second = 1; second < 10; ++second) {
    member.passed = std::chrono::seconds(second);
    call->room = 1;
    streams[0]->on_room();
    if (second == 5) api.woken();
  }
  ASSERT_TRUE(call->finished);
  EXPECT_EQ(call->code, Code::resource_exhausted);
}

TEST_F(BackupApi, TooManyAtOnceAreRefused) {
  put("key", std::string(100'000, 'v'));
  call->room = 0;
  open();
  open();
  EXPECT_FALSE(call->finished);
  open();
  EXPECT_EQ(streams.back(), nullptr);
  EXPECT_EQ(call->code, Code::resource_exhausted);
  streams.clear();
}

TEST_F(BackupApi, EndsWhenTheServerStops) {
  put("key", std::string(100'000, 'v'));
  call->room = 0;
  open();
  api.stop();
  EXPECT_EQ(call->code, Code::unavailable);
}

}  // namespace
}  // namespace cairn::api
