// Notes between members, written and read.
#include "node/command_codec.h"

#include <gtest/gtest.h>

#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "proto/command.pb.h"

namespace cairn::node {
namespace {

TEST(Command, IsTheBytesThatProtobufWouldWrite) {
  std::string put(300, 'p');
  put = "\n\xa9\x02" + put.substr(3);  // field 1 of 297 bytes
  for (const std::int64_t revision : {std::int64_t{0}, std::int64_t{1} << 40}) {
    for (const char* key : {"", "key"}) {
      command::Batch batch;
      command::Command& command = *batch.add_commands();
      command.set_request_id(~std::uint64_t{0});
      command.set_time_unix_ms(1'700'000'000'000);
      command.set_idempotency_key(key);
      command.set_idempotency_revision(revision);
      ASSERT_TRUE(command.mutable_put()->ParseFromString(put));
      std::string bytes;
      append_command({~std::uint64_t{0}, 1'700'000'000'000, key, revision}, CommandKind::put, put, &bytes);
      command::Batch read;
      ASSERT_TRUE(read.ParseFromString(bytes));
      EXPECT_EQ(read.SerializeAsString(), batch.SerializeAsString());
      EXPECT_EQ(bytes.size(), batch.ByteSizeLong());
    }
  }
  EXPECT_EQ(entry_head(300), std::string("\x10\xac\x02"));
}

TEST(Note, RefusalNamesEveryCommandOfTheBatch) {
  std::string batch;
  append_command({7, 1, "key"}, CommandKind::put, "\n\1a", &batch);
  append_command({std::uint64_t{9} << 40U, 1, {}}, CommandKind::put, std::string(1000, '\0'), &batch);
  const Note note =
      parse_note(*refusal_note(raft::Term{3}, batch, etcd::error_of(Reason::too_many_requests)));
  EXPECT_EQ(note.kind, Note::Kind::refusal);
  EXPECT_EQ(note.term, raft::Term{3});
  EXPECT_EQ(note.request_ids, (std::vector<std::uint64_t>{7, std::uint64_t{9} << 40U}));
  EXPECT_EQ(note.why.code, Code::resource_exhausted);
  EXPECT_EQ(note.why.message, "etcdserver: too many requests");
  EXPECT_EQ(note.why.reason, Reason::too_many_requests);
}

TEST(Note, AForwardedBatchCarriesNoTimeOfItsOwn) {
  std::string batch = entry_head(1'000'000);
  append_command({.request_id = 7, .idempotency_key = "key", .idempotency_revision = 300}, CommandKind::put,
                 "\n\1a", &batch);
  ASSERT_EQ(mvcc::CommandReader(batch).leader_elapsed_ms(), 1'000'000U);
  const Note note = parse_note(*forward_note(raft::Term{3}, batch));
  EXPECT_EQ(note.kind, Note::Kind::forward);
  mvcc::CommandReader commands(note.batch);
  EXPECT_EQ(commands.leader_elapsed_ms(), std::nullopt);
  const auto command = commands.next();
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->idempotency_key, "key");
  EXPECT_EQ(command->idempotency_revision, 300);
}

}  // namespace
}  // namespace cairn::node
