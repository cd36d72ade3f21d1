// The table of commands, and what their header decides before they are applied.
#include "mvcc/commands.h"

#include <set>

#include "mvcc/harness_fixture.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {
namespace {

CommandView view_of(CommandKind kind, const std::string& request) {
  CommandView view;
  view.kind = kind;
  view.request = request;
  return view;
}

command::Command put_command(const std::string& key) {
  command::Command command;
  *command.mutable_put() = put_request(key, "v");
  return command;
}

TEST(Commands, KindsAreTheFieldsOfTheFormat) {
  const google::protobuf::OneofDescriptor& request =
      *command::Command::descriptor()->FindOneofByName("request");
  std::set<std::uint32_t> fields, kinds;
  for (int i = 0; i < request.field_count(); ++i)
    fields.insert(static_cast<std::uint32_t>(request.field(i)->number()));
  for (auto kind = kFirstCommandField; kind < static_cast<std::uint32_t>(CommandKind::end); ++kind)
    kinds.insert(kind);
  EXPECT_EQ(fields, kinds);
}

TEST(Commands, WhatIsNoneIsRefused) {
  Storage storage({});
  Commands commands(&storage);
  for (const std::uint32_t kind :
       {0U, kFirstCommandField - 1, static_cast<std::uint32_t>(CommandKind::end)}) {
    const CommandView command = view_of(static_cast<CommandKind>(kind), "");
    EXPECT_EQ(commands.apply(command, true).code, Code::invalid_argument);
    EXPECT_FALSE(commands.effects(command).has_value());
    EXPECT_FALSE(may_grow(command));
  }
  const std::string garbage = "\xff";
  EXPECT_EQ(commands.apply(view_of(CommandKind::put, garbage), true).code, Code::invalid_argument);
  EXPECT_FALSE(commands.effects(view_of(CommandKind::txn, garbage)).has_value());
}

TEST(Commands, EachSaysWhatItDoes) {
  Storage storage({});
  Commands commands(&storage);
  const std::string put = put_request("k", "v").SerializeAsString();
  using etcd::Access;
  EXPECT_EQ(commands.effects(view_of(CommandKind::put, put)), (etcd::Effects{{Access::write, "k", ""}}));
  const std::string erase = delete_request("k", "m").SerializeAsString();
  EXPECT_EQ(commands.effects(view_of(CommandKind::delete_range, erase)),
            (etcd::Effects{{Access::write, "k", "m"}}));
  EXPECT_EQ(commands.effects(view_of(CommandKind::compaction, "")), (etcd::Effects{{Access::admin, "", ""}}));
  EXPECT_EQ(commands.effects(view_of(CommandKind::publish, "")), (etcd::Effects{{Access::cluster, "", ""}}));
  EXPECT_EQ(commands.effects(view_of(CommandKind::alarm, "")), etcd::Effects{}) << "who looks";
  pb::AlarmRequest alarm;
  alarm.set_action(pb::AlarmRequest::DEACTIVATE);
  EXPECT_EQ(commands.effects(view_of(CommandKind::alarm, alarm.SerializeAsString())),
            (etcd::Effects{{Access::admin, "", ""}}));
}

TEST(Commands, OnlyWhatCouldPutMayGrow) {
  pb::TxnRequest txn;
  *txn.add_success()->mutable_request_delete_range() = delete_request("k");
  EXPECT_FALSE(may_grow(view_of(CommandKind::txn, txn.SerializeAsString())));
  *txn.add_failure()->mutable_request_put() = put_request("k", "v");
  EXPECT_TRUE(may_grow(view_of(CommandKind::txn, txn.SerializeAsString())));
  EXPECT_TRUE(may_grow(view_of(CommandKind::txn, "\xff")));
  EXPECT_TRUE(may_grow(view_of(CommandKind::put, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::delete_range, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::compaction, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::publish, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::alarm, "")));
  EXPECT_TRUE(may_grow(view_of(CommandKind::lease_grant, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::lease_revoke, "")));
  EXPECT_FALSE(may_grow(view_of(CommandKind::lease_checkpoint, "")));
}

TEST(Caller, UntilUsersAreEnabledEverybodyMayWhoIsUnderstood) {
  Harness store;
  command::Command command = put_command("k");
  EXPECT_EQ(store.apply(command).code, Code::ok);
  command.mutable_caller()->set_cluster(true);
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(store.view()->revision(), 3);
  command.mutable_caller()->set_user("ann");
  EXPECT_EQ(store.apply(command).code, Code::invalid_argument) << "both";
  command.mutable_caller()->clear_cluster();
  EXPECT_EQ(store.apply(command).code, Code::ok) << "let in when they still were";
  EXPECT_EQ(store.view()->revision(), 4);
}

// Else whoever guesses a key is told what it came to for somebody else; and the refusal is nobody's outcome.
TEST(Caller, IsAskedBeforeItIsLookedUpWhatAKeyCameTo) {
  Harness store;
  command::Command command = put_command("k");
  command.set_idempotency_key("once");
  EXPECT_EQ(store.apply(command).code, Code::ok);
  command.mutable_caller()->set_user("ann");
  command.mutable_caller()->set_cluster(true);  // and so is nobody that is known
  EXPECT_EQ(store.apply(command).code, Code::invalid_argument);
  command.set_idempotency_key("another");
  EXPECT_EQ(store.apply(command).code, Code::invalid_argument);
  command.clear_caller();
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(store.view()->revision(), 3);
}

TEST(Fence, OfAnotherTermAppliesAsNothing) {
  for (const bool leaders_tell_time : {true, false}) {
    Harness store, idle;
    for (Harness* each : {&store, &idle}) {
      each->leaders_tell_time = leaders_tell_time;
      each->term = 3;
    }
    command::Command command = put_command("k");
    command.set_idempotency_key("once");
    command.set_time_unix_ms(1'000'000);
    for (const std::uint64_t other : {2U, 4U}) {
      command.set_only_in_term(other);
      EXPECT_EQ(store.apply(command).code, Code::failed_precondition);
      idle.machine->apply({idle.machine->applied_index() + 1, 3},
                          leaders_tell_time ? std::string("\x10\0", 2) : std::string(), nullptr);
      EXPECT_EQ(store.machine->state_hash(), idle.machine->state_hash());
    }
    command.set_only_in_term(3);
    EXPECT_EQ(store.apply(command).code, Code::ok);
    EXPECT_EQ(store.view()->revision(), 2);
  }
}

TEST(Fence, HoldsForItsCommandAlone) {
  command::Batch batch;
  batch.set_leader_elapsed_ms(0);
  *batch.add_commands() = put_command("a");
  *batch.add_commands() = put_command("b");
  batch.mutable_commands(1)->set_only_in_term(1);
  *batch.add_commands() = put_command("c");
  Harness store;
  store.machine->apply({1, 2}, in_entry(batch), nullptr);
  EXPECT_EQ(store.keys(range_request("a", "z")), "a c");
}

}  // namespace
}  // namespace cairn::mvcc
