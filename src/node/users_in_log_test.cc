// What a member that is started again finds in its log of users, and when it knows what counts of it.
#include "node/users_in_log.h"

#include <gtest/gtest.h>

#include "node/mini_cluster_fixture.h"
#include "proto/command.pb.h"

namespace cairn::node {
namespace {

using std::chrono::seconds;

raft::Entry entry(std::uint64_t index, const std::function<void(command::Batch*)>& fill = {}) {
  raft::Entry made{raft::Term{1}, raft::Index{index}, raft::EntryType::noop, nullptr};
  if (!fill) return made;
  command::Batch batch;
  fill(&batch);
  made.type = raft::EntryType::command;
  made.data = std::make_shared<const std::string>(batch.SerializeAsString());
  return made;
}

void put(command::Batch* batch) { batch->add_commands()->mutable_put()->set_key("a"); }
void login(command::Batch* batch) { batch->add_commands()->mutable_login(); }

TEST(UsersInLog, TheLastEntryThatChangesThemIsFound) {
  const auto changes = [](command::Batch* batch) {
    put(batch);
    batch->add_commands()->mutable_user_delete()->set_name("ann");
    put(batch);
  };
  const auto enables = [](command::Batch* batch) { batch->add_commands()->mutable_auth_enable(); };
  const std::vector<raft::Entry> log = {entry(4, enables), entry(5), entry(6, changes), entry(7, put),
                                        entry(8, login)};
  EXPECT_EQ(last_change_of_users(log, raft::Index{3}), raft::Index{6});
  EXPECT_EQ(last_change_of_users({log[0], log[1], log[3]}, raft::Index{3}), raft::Index{4});
  EXPECT_EQ(last_change_of_users(log, raft::Index{6}), raft::Index{}) << "of the snapshot";
  EXPECT_EQ(last_change_of_users({log[1], log[3], log[4]}, raft::Index{3}), raft::Index{})
      << "a login is none";
  EXPECT_EQ(last_change_of_users({}, raft::Index{}), raft::Index{});
}

void write(MiniCluster* cluster, std::uint64_t to, CommandKind kind, const std::string& request) {
  const auto result = std::make_shared<std::optional<mvcc::Outcome>>();
  cluster->handle(to, ClientWrite{.kind = kind,
                                  .request = request,
                                  .idempotency_key = {},
                                  .deadline = cluster->now() + seconds(7),
                                  .responder = std::make_unique<WriteResult>(result)});
  cluster->settle();
  ASSERT_TRUE(result->has_value());
  EXPECT_EQ((*result)->error, "");
}

TEST(UsersInLog, WhoIsStartedAgainKnowsThemOnceTheirLastChangeIsApplied) {
  MiniCluster cluster(3);
  const std::uint64_t leader = cluster.elect(), other = leader == 1 ? 2 : 1;
  cluster.put(leader, "a", "1");
  cluster.settle();
  cluster.restart(other);
  EXPECT_TRUE(cluster.node(other).knows_users()) << "there never were any";

  cluster.advance(seconds(5));
  etcdserverpb::AuthRoleAddRequest role;
  role.set_name("r");
  write(&cluster, cluster.elect(), CommandKind::role_add, role.SerializeAsString());
  cluster.put(cluster.elect(), "a", "2");
  cluster.advance(seconds(1));
  EXPECT_TRUE(cluster.node(other).knows_users());
  cluster.restart(other);
  cluster.cut(other);
  cluster.advance(seconds(5));
  EXPECT_FALSE(cluster.node(other).knows_users()) << "nobody says that its log counts";
  cluster.heal();
  cluster.advance(seconds(5));
  EXPECT_TRUE(cluster.node(other).knows_users());
  EXPECT_EQ(cluster.get(other, "a", true)->value, "2");
}

}  // namespace
}  // namespace cairn::node
