#include "mvcc/command_view.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

command::Batch two_commands() {
  command::Batch batch;
  command::Command* const put = batch.add_commands();
  put->set_request_id(~std::uint64_t{0});
  put->set_time_unix_ms(-5);
  put->set_idempotency_key(std::string("a\0b", 3));
  put->mutable_put()->set_key("k");
  put->mutable_put()->set_value(std::string(300, 'v'));
  batch.add_commands()->mutable_publish()->set_name("n");
  return batch;
}

CommandView whole(std::string_view bytes) {
  CommandView command;
  command.bytes = bytes;
  return command;
}

std::vector<CommandView> read_all(std::string_view bytes) {
  std::vector<CommandView> found;
  CommandReader reader(bytes);
  while (const auto command = reader.next()) found.push_back(*command);
  EXPECT_FALSE(reader.next().has_value());  // the end stays the end
  return found;
}

TEST(CommandReader, ReadsWhatProtobufWrote) {
  const command::Batch batch = two_commands();
  const std::string bytes = batch.SerializeAsString();
  const std::vector<CommandView> found = read_all(bytes);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].request_id, ~std::uint64_t{0});
  EXPECT_EQ(found[0].time_unix_ms, -5);
  EXPECT_EQ(found[0].idempotency_key, std::string_view("a\0b", 3));
  EXPECT_EQ(found[0].kind, CommandKind::put);
  EXPECT_EQ(found[0].request, batch.commands(0).put().SerializeAsString());
  EXPECT_EQ(found[1].kind, CommandKind::publish);
  EXPECT_EQ(found[1].request, batch.commands(1).publish().SerializeAsString());
}

TEST(CommandReader, ReadsWhoseACommandIsAndForWhichTerm) {
  command::Batch batch;
  batch.add_commands();
  command::Command* const users = batch.add_commands();
  users->mutable_caller()->set_user("ann");
  users->mutable_caller()->set_auth_revision(300);
  command::Command* const clusters = batch.add_commands();
  clusters->mutable_caller()->set_cluster(true);
  clusters->set_only_in_term(~std::uint64_t{0});
  const std::string bytes = batch.SerializeAsString();
  const std::vector<CommandView> found = read_all(bytes);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].caller, Caller());
  EXPECT_EQ(found[0].only_in_term, 0U);
  EXPECT_EQ(found[1].caller, (Caller{Caller::Kind::user, "ann", 300}));
  EXPECT_EQ(found[2].caller, Caller{.kind = Caller::Kind::cluster});
  EXPECT_EQ(found[2].only_in_term, ~std::uint64_t{0});
}

TEST(CommandReader, ACallerThatSaysMoreThanIsKnownIsUnknown) {
  command::Caller user, cluster, both, later;
  user.set_user("ann");
  cluster.set_cluster(true);
  both = user;
  both.set_cluster(true);
  later = user;
  later.GetReflection()->MutableUnknownFields(&later)->AddVarint(9, 1);
  command::Caller revision_of_nobody = cluster;
  revision_of_nobody.set_auth_revision(1);
  const std::string good = user.SerializeAsString();
  for (const std::string& caller :
       {both.SerializeAsString(), later.SerializeAsString(), std::string(),
        revision_of_nobody.SerializeAsString(), good + good.substr(0, 2), std::string("\x18\x02", 2)}) {
    command::Command command;
    command.GetReflection()->MutableUnknownFields(&command)->AddLengthDelimited(5, caller);
    command.set_request_id(7);
    const std::string one = command.SerializeAsString();
    std::string batch;
    append(whole(one), &batch);
    const std::vector<CommandView> found = read_all(batch);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].request_id, 7U);
    EXPECT_EQ(found[0].caller.kind, Caller::Kind::unknown);
  }
  // Two of them would be one, merged, to a reader of messages.
  command::Command command;
  for (int i = 0; i < 2; ++i)
    command.GetReflection()->MutableUnknownFields(&command)->AddLengthDelimited(5, good);
  const std::string twice = command.SerializeAsString();
  std::string batch;
  append(whole(twice), &batch);
  EXPECT_EQ(read_all(batch).at(0).caller.kind, Caller::Kind::unknown);
}

TEST(CommandReader, ACommandGoesIntoAnotherBatchAsItIs) {
  command::Batch batch = two_commands();
  for (command::Command& each : *batch.mutable_commands())
    each.GetReflection()->MutableUnknownFields(&each)->AddLengthDelimited(99, "later");
  const std::string bytes = batch.SerializeAsString();
  std::string again;
  for (const CommandView& command : read_all(bytes)) append(command, &again);
  EXPECT_EQ(again, bytes);
}

TEST(CommandReader, PassesOverFieldsOfLaterVersions) {
  command::Batch batch = two_commands();
  for (command::Command& each : *batch.mutable_commands())
    each.GetReflection()->MutableUnknownFields(&each)->AddLengthDelimited(99, "later");
  batch.GetReflection()->MutableUnknownFields(&batch)->AddVarint(98, 7);
  const std::string bytes = batch.SerializeAsString();
  EXPECT_EQ(read_all(bytes).size(), 2u);
}

TEST(CommandReader, StopsWhereTheBytesAreCut) {
  const command::Batch batch = two_commands();
  const std::string bytes = batch.SerializeAsString();
  command::Batch first;
  *first.add_commands() = batch.commands(0);
  const std::size_t boundary = first.ByteSizeLong();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(read_all(bytes.substr(0, size)).size(), size < boundary ? 0u : 1u) << size;
}

TEST(CommandReader, StopsAtACommandThatIsNone) {
  // A command whose field claims more bytes than the command has, then a good one that nobody may reach.
  std::string bytes = {0x0a, 0x03, 0x52, 0x40, 'k'};
  bytes += two_commands().SerializeAsString();
  EXPECT_TRUE(read_all(bytes).empty());
}

}  // namespace
}  // namespace cairn::mvcc
