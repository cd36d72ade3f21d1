// Commands and notes between members, written and read.
#include "node/command_codec.h"

#include <gtest/gtest.h>

#include "etcd/reasons.h"
#include "mvcc/command_view.h"
#include "proto/command.pb.h"
#include "proto/note.pb.h"

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
      command.set_answers_make_room(*key != '\0');  // by this version, of every key
      command.set_idempotency_revision(revision);
      command.set_answers_make_room(*key != 0);
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

TEST(Command, SaysWhoseItIsAndForWhichTerm) {
  for (const mvcc::Caller& caller :
       {mvcc::Caller{}, mvcc::Caller{mvcc::Caller::Kind::cluster, {}, 0},
        mvcc::Caller{mvcc::Caller::Kind::user, "ann", 0},
        mvcc::Caller{mvcc::Caller::Kind::user, std::string_view("a\0\xff", 3), 300}}) {
    for (const std::uint64_t term : {std::uint64_t{0}, std::uint64_t{300}}) {
      const CommandHeader header{1, 0, {}, 0, caller, term};
      std::string bytes;
      append_command(header, CommandKind::put, "\n\1a", &bytes);
      command::Batch batch;
      ASSERT_TRUE(batch.ParseFromString(bytes));
      EXPECT_EQ(batch.ByteSizeLong() + 2, bytes.size()) << "but for the time, which is always written";
      const auto read = mvcc::CommandReader(bytes).next();
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(read->caller, caller);
      EXPECT_EQ(read->only_in_term, term);
      EXPECT_EQ(read->request, "\n\1a");
      // Forwarded, it still is what it was.
      const Bytes note = forward_note(raft::Term{3}, bytes);
      const Note parsed = parse_note(note);
      const auto forwarded = mvcc::CommandReader(std::get<ForwardedWrites>(parsed).batch).next();
      ASSERT_TRUE(forwarded.has_value());
      EXPECT_EQ(forwarded->caller, caller);
      EXPECT_EQ(forwarded->only_in_term, term);
    }
  }
}

TEST(Command, SaysWhatIsChosenOfALeaseAndNothingIsNoByte) {
  for (const mvcc::LeaseChoice& lease :
       {mvcc::LeaseChoice{}, mvcc::LeaseChoice{0, 2}, mvcc::LeaseChoice{-7, 9'000'000'000}}) {
    CommandHeader header{.request_id = 1, .time_unix_ms = 5};
    header.lease = lease;
    std::string bytes;
    append_command(header, CommandKind::lease_grant, "\x08\1", &bytes);
    command::Batch batch;
    ASSERT_TRUE(batch.ParseFromString(bytes));
    EXPECT_EQ(batch.commands(0).has_lease(), lease != mvcc::LeaseChoice{});
    EXPECT_EQ(batch.SerializeAsString(), bytes);
    EXPECT_EQ(batch.commands(0).lease_grant().ttl(), 1);
    const auto read = mvcc::CommandReader(bytes).next();
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->lease, lease);
    EXPECT_EQ(read->kind, CommandKind::lease_grant);
  }
}

template <class Kind>
Kind parsed(const Bytes& note) {
  Note parsed = parse_note(note);
  EXPECT_TRUE(std::holds_alternative<Kind>(parsed)) << "index " << parsed.index();
  return std::holds_alternative<Kind>(parsed) ? std::get<Kind>(std::move(parsed)) : Kind();
}

bool is_none(const std::string& bytes) {
  return std::holds_alternative<std::monostate>(parse_note(make_bytes(bytes)));
}

TEST(Note, RefusalNamesEveryCommandOfTheBatch) {
  std::string batch;
  append_command({7, 1, "key"}, CommandKind::put, "\n\1a", &batch);
  append_command({std::uint64_t{9} << 40U, 1, {}}, CommandKind::put, std::string(1000, '\0'), &batch);
  const auto writes =
      parsed<RefusedWrites>(refusal_note(raft::Term{3}, batch, etcd::error_of(Reason::too_many_requests)));
  EXPECT_EQ(writes.term, raft::Term{3});
  EXPECT_EQ(writes.request_ids, (std::vector<std::uint64_t>{7, std::uint64_t{9} << 40U}));
  EXPECT_EQ(writes.why.code, Code::resource_exhausted);
  EXPECT_EQ(writes.why.message, "etcdserver: too many requests");
  EXPECT_EQ(writes.why.reason, Reason::too_many_requests);
}

// A refusal may quote what a client sent. Dropped, its client would wait for its whole deadline.
TEST(Note, RefusalMayQuoteAnyBytes) {
  const auto writes =
      parsed<RefusedWrites>(refusal_note(raft::Term{3}, "", {Code::invalid_argument, "no key \xff"}));
  EXPECT_EQ(writes.why.message, "no key \xff");
}

TEST(Note, AForwardedBatchIsReadInPlace) {
  std::string batch;
  append_command({.request_id = 7, .idempotency_key = "key", .idempotency_revision = 300}, CommandKind::put,
                 "\n\1a", &batch);
  append_command({.request_id = 8, .answer_bytes_max = 70000}, CommandKind::delete_range, "\n\1b", &batch);
  const Bytes note = forward_note(raft::Term{3}, batch);
  const auto writes = parsed<ForwardedWrites>(note);
  EXPECT_EQ(writes.term, raft::Term{3});
  EXPECT_EQ(writes.batch, batch);
  EXPECT_EQ(writes.note, note);
  EXPECT_TRUE(writes.batch.data() >= note->data() && writes.batch.data() < note->data() + note->size());
  note::Note message;
  ASSERT_TRUE(message.ParseFromString(*note)) << "it is what protobuf reads";
  ASSERT_EQ(message.forward().commands_size(), 2);
  EXPECT_EQ(message.forward().commands(0).answer_bytes_max(), 0u);
  EXPECT_EQ(message.forward().commands(1).answer_bytes_max(), 70000u);
}

// What it says of the whole entry would count for the commands of all members beside it.
TEST(Note, AForwardedBatchHoldsCommandsAndNothingElse) {
  std::string command;
  append_command({.request_id = 7}, CommandKind::put, "\n\1a", &command);
  EXPECT_FALSE(is_none(*forward_note(raft::Term{3}, command)));
  const std::string unknown_field = "\x7a\1x";
  for (const std::string& batch : {entry_head(1'000'000) + command, command + entry_head(1'000'000),
                                   unknown_field + command, command + unknown_field, command + "\n"})
    EXPECT_TRUE(is_none(*forward_note(raft::Term{3}, batch)));
  for (std::size_t size = 1; size < command.size(); ++size)
    EXPECT_TRUE(is_none(*forward_note(raft::Term{3}, command.substr(0, size)))) << size;
  EXPECT_TRUE(is_none(*forward_note(raft::Term{3}, "\n\2\x08\xff"))) << "a command that ends in its id";
}

TEST(Note, AQuestionAndItsAnswersAreReadAsTheyWereSaid) {
  const Bytes note = question_note({.id = 9, .term = raft::Term{3}, .kind = 5, .body = "what?"});
  const auto question = parsed<Question>(note);
  EXPECT_EQ(question.id, 9U);
  EXPECT_EQ(question.term, raft::Term{3});
  EXPECT_EQ(question.kind, 5U);
  EXPECT_EQ(question.body, "what?");
  const std::optional<NoAnswer> refusals[] = {std::nullopt, NoAnswer::not_leader, NoAnswer::too_many,
                                              NoAnswer::unknown_kind};
  for (const auto& refusal : refusals) {
    const auto answer = parsed<Answer>(answer_note({9, raft::Term{3}, refusal, "that"}));
    EXPECT_EQ(answer.id, 9U);
    EXPECT_EQ(answer.term, raft::Term{3});
    EXPECT_EQ(answer.refusal, refusal);
    EXPECT_EQ(answer.body, "that");
  }
  note::Note later;
  later.mutable_answer()->set_refusal(77);
  EXPECT_TRUE(is_none(later.SerializeAsString())) << "a refusal of a version to come is no answer";
}

TEST(Note, BytesThatAreNoneAreNone) {
  EXPECT_TRUE(is_none(""));
  EXPECT_TRUE(is_none("\x18\3")) << "a term alone";
  const std::string question = *question_note({.id = 9, .term = raft::Term{3}, .kind = 5, .body = "what?"});
  for (std::size_t size = 0; size + 2 < question.size(); ++size)
    EXPECT_TRUE(is_none(question.substr(0, size)));
  for (const char* tag : {"\x0b", "\x0c", "\x0e", "\x0f"})
    EXPECT_TRUE(is_none(question + tag)) << "no such wire type";
  EXPECT_FALSE(is_none(question + std::string("\x45"
                                              "1234\x49"
                                              "12345678",
                                              14)))
      << "fields of a version to come";
}

}  // namespace
}  // namespace cairn::node
