// Leases in the state: what is granted, attached, revoked and saved, by single rules and against a model.
#include "mvcc/leases.h"

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "etcd/effects.h"
#include "etcd/reasons.h"
#include "mvcc/changes.h"
#include "mvcc/commands.h"
#include "mvcc/harness_fixture.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {
namespace {

using Keys = std::vector<std::string>;

command::Command grant_of(std::int64_t id, std::int64_t ttl, LeaseChoice choice = {}) {
  command::Command command;
  command.mutable_lease_grant()->set_id(id);
  command.mutable_lease_grant()->set_ttl(ttl);
  if (choice != LeaseChoice{}) {
    command.mutable_lease()->set_id(choice.id);
    command.mutable_lease()->set_ttl(choice.ttl_s);
  }
  return command;
}

command::Command revoke_of(std::int64_t id) {
  command::Command command;
  command.mutable_lease_revoke()->set_id(id);
  return command;
}

command::Command expiry_of(const std::vector<LeaseInfo>& leases) {
  command::Command command;
  for (const LeaseInfo& lease : leases) {
    auto* const expired = command.mutable_lease_revoke()->add_expired();
    expired->set_id(lease.id);
    expired->set_generation(lease.generation);
  }
  return command;
}

command::Command checkpoint_of(const LeaseInfo& lease, std::int64_t remaining) {
  command::Command command;
  auto* const looked_at = command.mutable_lease_checkpoint()->add_leases();
  looked_at->set_id(lease.id);
  looked_at->set_generation(lease.generation);
  looked_at->set_remaining(remaining);
  return command;
}

pb::PutRequest leased_put(std::string_view key, std::int64_t lease) {
  pb::PutRequest request = put_request(key, "v");
  request.set_lease(lease);
  return request;
}

pb::RequestOp put_op(const pb::PutRequest& put) {
  pb::RequestOp op;
  *op.mutable_request_put() = put;
  return op;
}

Keys keys_of(const View& view, std::int64_t lease) {
  Keys keys;
  view.lease_keys(lease, [&keys](std::string_view key) {
    keys.emplace_back(key);
    return true;
  });
  return keys;
}

TEST(Lease, GrantAnswersIdAndTtl) {
  Harness store;
  const auto granted = parse<pb::LeaseGrantResponse>(store.apply(grant_of(7, 60)));
  EXPECT_EQ(granted.id(), 7);
  EXPECT_EQ(granted.ttl(), 60);
  EXPECT_EQ(store.view()->lease(7), (LeaseInfo{7, 60, 0, 1}));
  EXPECT_EQ(store.view()->revision(), 1) << "no key has changed";
}

TEST(Lease, WhatTheProposerChoseHoldsWhereTheClientLeftIt) {
  Harness store;
  const auto chosen = parse<pb::LeaseGrantResponse>(store.apply(grant_of(0, -5, {77, 2})));
  EXPECT_EQ(chosen.id(), 77);
  EXPECT_EQ(chosen.ttl(), 2);
  EXPECT_EQ(parse<pb::LeaseGrantResponse>(store.apply(grant_of(5, 60, {78, 2}))).id(), 5);
  EXPECT_EQ(store.view()->lease(5)->ttl_s, 60);
  EXPECT_EQ(store.apply(grant_of(0, 60)).reason, Reason::lease_not_found) << "nobody has chosen an id";
}

TEST(Lease, NegativeIdsAreGrantedAndListedInOrder) {
  Harness store;
  const std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  const std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t id : {std::int64_t{1}, lowest, std::int64_t{-1}, highest})
    EXPECT_EQ(store.apply(grant_of(id, 10)).code, Code::ok);
  for (const std::int64_t id : {highest, lowest, std::int64_t{-1}})
    EXPECT_EQ(store.apply(leased_put(std::to_string(id), id)).code, Code::ok);
  std::vector<std::int64_t> ids;
  std::optional<std::int64_t> after;
  while (true) {
    const auto some = store.view()->leases_after(after, 1);
    if (some.empty()) break;
    ids.push_back(some[0].id);
    after = some[0].id;
  }
  EXPECT_EQ(ids, (std::vector<std::int64_t>{lowest, -1, 1, highest}));
  EXPECT_EQ(keys_of(*store.view(), highest), Keys{std::to_string(highest)});
  EXPECT_EQ(store.machine->lease_key_count(highest), 1U);
  EXPECT_EQ(store.machine->lease_key_count(lowest), 1U);
  EXPECT_EQ(store.machine->lease_key_count(1), 0U);
}

TEST(Lease, RefusesInEtcdsWords) {
  Limits limits;
  limits.leases_max = 2;
  Harness store(limits);
  EXPECT_EQ(store.apply(grant_of(7, 9'000'000'001)).error, "etcdserver: too large lease TTL");
  EXPECT_EQ(store.apply(grant_of(7, 9'000'000'000)).code, Code::ok);
  EXPECT_EQ(store.apply(grant_of(7, 10)).error, "etcdserver: lease already exists");
  EXPECT_EQ(store.apply(revoke_of(8)).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(revoke_of(0)).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(grant_of(8, 10)).code, Code::ok);
  EXPECT_EQ(store.apply(grant_of(9, 10)).reason, Reason::lease_table_full);
  EXPECT_EQ(store.apply(revoke_of(8)).code, Code::ok);
  EXPECT_EQ(store.apply(grant_of(9, 10)).code, Code::ok) << "there is room again";
}

TEST(Lease, RevokeDeletesAllItsKeysInOneRevision) {
  Harness store;
  store.apply(grant_of(7, 60));
  for (const char* key : {"c", "a", "b"}) store.apply(leased_put(key, 7));
  store.put("d", "1");
  EXPECT_EQ(keys_of(*store.view(), 7), (Keys{"a", "b", "c"}));
  const auto before = store.view();
  const Outcome revoked = store.apply(revoke_of(7));
  EXPECT_EQ(revoked.revision, 6);
  EXPECT_EQ(store.keys(range_request("a", "z")), "d");
  EXPECT_EQ(store.view()->lease(7), std::nullopt);
  Keys told;
  Changes changes = store.view()->changes({6, 0});
  for (; changes.get() != nullptr; changes.next()) told.emplace_back(changes.get()->key());
  EXPECT_EQ(told, (Keys{"a", "b", "c"})) << "in order";
  EXPECT_EQ(keys_of(*before, 7), (Keys{"a", "b", "c"})) << "a view never changes";
  EXPECT_EQ(before->lease(7)->ttl_s, 60);
}

TEST(Lease, RevokeWithoutKeysMakesNoRevision) {
  Harness store;
  store.apply(grant_of(7, 60));
  EXPECT_EQ(store.apply(revoke_of(7)).revision, 1);
}

TEST(Lease, APutMovesAKeyAndADeletionDetachesIt) {
  Harness store;
  store.apply(grant_of(1, 60));
  store.apply(grant_of(2, 60));
  store.apply(leased_put("a", 1));
  store.apply(leased_put("b", 1));
  store.apply(leased_put("a", 2));
  EXPECT_EQ(keys_of(*store.view(), 1), Keys{"b"});
  EXPECT_EQ(keys_of(*store.view(), 2), Keys{"a"});
  store.put("a", "without");
  EXPECT_EQ(keys_of(*store.view(), 2), Keys{});
  store.erase("b");
  EXPECT_EQ(keys_of(*store.view(), 1), Keys{});
  store.apply(revoke_of(1));
  store.apply(revoke_of(2));
  EXPECT_EQ(store.keys(range_request("a", "z")), "a");
}

TEST(Lease, IgnoreLeaseKeepsTheLeaseThatTheKeyHas) {
  Harness store;
  store.apply(grant_of(1, 60));
  store.apply(leased_put("a", 1));
  pb::PutRequest request = put_request("a", "2");
  request.set_ignore_lease(true);
  EXPECT_EQ(store.apply(request).code, Code::ok);
  EXPECT_EQ(store.get("a").kvs(0).lease(), 1);
  EXPECT_EQ(keys_of(*store.view(), 1), Keys{"a"});
}

TEST(Lease, AnUnknownOneInATxnWritesNothingUnlessItsBranchIsNotTaken) {
  Harness store;
  store.apply(grant_of(1, 60));
  pb::TxnRequest good;
  *good.add_success() = put_op(leased_put("a", 1));
  *good.add_failure() = put_op(leased_put("b", 9));
  EXPECT_EQ(store.apply(good).code, Code::ok);
  pb::TxnRequest bad;
  *bad.add_success() = put_op(leased_put("c", 1));
  *bad.add_success() = put_op(leased_put("d", 9));
  EXPECT_EQ(store.apply(bad).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.keys(range_request("a", "z")), "a");
  EXPECT_EQ(keys_of(*store.view(), 1), Keys{"a"});
}

TEST(Lease, ExpiryOfAnEarlierGenerationLeavesTheLaterOne) {
  Harness store;
  store.apply(grant_of(1, 60));
  const LeaseInfo earlier = *store.view()->lease(1);
  store.apply(revoke_of(1));
  store.apply(grant_of(1, 60));
  store.apply(grant_of(2, 60));
  store.apply(leased_put("a", 1));
  store.apply(leased_put("b", 2));
  store.apply(checkpoint_of(earlier, 5));
  EXPECT_EQ(store.view()->lease(1)->remaining_s, 0);
  const LeaseInfo other = *store.view()->lease(2);
  EXPECT_EQ(store.apply(expiry_of({earlier, other, {99, 0, 0, 4}})).code, Code::ok);
  EXPECT_EQ(store.keys(range_request("a", "z")), "a");
  EXPECT_NE(store.view()->lease(1), std::nullopt);
  EXPECT_EQ(store.view()->lease(2), std::nullopt);
}

TEST(Lease, ACheckpointSaysWhatIsLeft) {
  Harness store;
  store.apply(grant_of(1, 60));
  const LeaseInfo lease = *store.view()->lease(1);
  EXPECT_EQ(lease.left_s(), 60);
  store.apply(checkpoint_of(lease, 20));
  EXPECT_EQ(store.view()->lease(1)->left_s(), 20);
  store.apply(checkpoint_of(lease, 9000));
  EXPECT_EQ(store.view()->lease(1)->left_s(), 60) << "never more than was granted";
  store.apply(checkpoint_of(lease, 0));
  EXPECT_EQ(*store.view()->lease(1), lease);
}

TEST(Lease, APutMayBringItsOwn) {
  Harness store;
  command::Command command;
  *command.mutable_put() = leased_put("a", 5);
  EXPECT_EQ(store.apply(command).reason, Reason::lease_not_found);
  command.mutable_lease()->set_id(5);
  command.mutable_lease()->set_ttl(30);
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(store.get("a").kvs(0).lease(), 5);
  EXPECT_EQ(store.view()->lease(5)->ttl_s, 30);
  EXPECT_EQ(keys_of(*store.view(), 5), Keys{"a"});
  EXPECT_EQ(store.apply(command).error, "etcdserver: lease already exists");
  command.mutable_lease()->set_id(6);
  *command.mutable_put() = leased_put("missing", 6);
  command.mutable_put()->clear_value();
  command.mutable_put()->set_ignore_value(true);
  EXPECT_EQ(store.apply(command).error, "etcdserver: key not found");
  EXPECT_EQ(store.view()->lease(6), std::nullopt) << "both or neither";
  *command.mutable_put() = put_request("b", "1");
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(store.view()->lease(6), std::nullopt) << "nothing asks for it";
}

TEST(Lease, ATxnMayBringOneForTheBranchThatIsTaken) {
  Harness store;
  command::Command command;
  pb::TxnRequest& txn = *command.mutable_txn();
  pb::Compare& absent = *txn.add_compare();
  absent.set_key("a");
  absent.set_target(pb::Compare::VERSION);
  *txn.add_success() = put_op(leased_put("a", 5));
  *txn.add_success() = put_op(leased_put("b", 5));
  command.mutable_lease()->set_id(5);
  command.mutable_lease()->set_ttl(30);
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(keys_of(*store.view(), 5), (Keys{"a", "b"}));
  store.apply(revoke_of(5));
  store.put("a", "1");
  EXPECT_EQ(store.apply(command).code, Code::ok);
  EXPECT_EQ(store.view()->lease(5), std::nullopt) << "the other branch";
}

TEST(Lease, EffectsOfARevokeAreItsKeys) {
  Storage storage({});
  Commands commands(&storage);
  const auto effects = [&](CommandKind kind, const std::string& request) {
    CommandView view;
    view.kind = kind;
    view.request = request;
    return commands.effects(view);
  };
  using etcd::Access;
  const etcd::Effects keys{{Access::attach, "", "", 1}};
  const etcd::Effects own{{Access::cluster, "", ""}};
  EXPECT_EQ(effects(CommandKind::lease_revoke, revoke_of(1).lease_revoke().SerializeAsString()), keys);
  EXPECT_EQ(effects(CommandKind::lease_revoke, expiry_of({{1, 60, 0, 1}}).lease_revoke().SerializeAsString()),
            own);
  EXPECT_EQ(effects(CommandKind::lease_checkpoint, ""), own);
  EXPECT_EQ(effects(CommandKind::lease_grant, ""), etcd::Effects{});
  EXPECT_FALSE(effects(CommandKind::lease_grant, "\xff").has_value());
}

// Members of different builds read each other's states.
TEST(LeaseFormat, BytesNeverChange) {
  Harness store;
  store.apply(grant_of(7, 60));
  store.apply(grant_of(-1, 9'000'000'000));
  store.apply(leased_put("a", 7));
  store.apply(leased_put("b", -1));
  store.apply(checkpoint_of(*store.view()->lease(7), 20));
  EXPECT_EQ(saved(*store.view()).size(), 435U);
  EXPECT_EQ(store.view()->hash(), 4936571332249728976U);
  EXPECT_EQ(store.machine->state_hash(), 4586023216254699416U);
}

// As if by hand: two maps.
struct LeaseModel {
  struct Granted {
    std::int64_t ttl = 0, remaining = 0;
    std::uint64_t generation = 0;
  };
  std::map<std::int64_t, Granted> leases;
  std::map<std::string, std::int64_t> keys;  // with the lease of each, or 0
  std::uint64_t next_generation = 1;
  std::int64_t revision = 1;

  Keys attached(std::int64_t lease) const {
    Keys attached;
    for (const auto& [key, of] : keys)
      if (of == lease) attached.push_back(key);
    return attached;
  }
  void erase(const Keys& gone) {
    for (const std::string& key : gone) keys.erase(key);
    revision += gone.empty() ? 0 : 1;
  }
};

class LeaseModelTest : public testing::TestWithParam<int> {
 protected:
  void step() {
    const auto id = static_cast<std::int64_t>(random_.below(6)) - 3;
    const std::string key(1, static_cast<char>('a' + random_.below(8)));
    switch (random_.below(9)) {
      case 0:
      case 1:
        return grant(id);
      case 2:
        return revoke(id);
      case 3:
        return expire(id);
      case 4:
        return checkpoint(id);
      case 5:
        return erase(key);
      default:
        return put(key, random_.chance(1, 3) ? 0 : id);
    }
  }
  void grant(std::int64_t id) {
    const bool good = id != 0 && !model_.leases.contains(id) && model_.leases.size() < kLeasesMax;
    ASSERT_EQ(store_.apply(grant_of(id, 50)).code == Code::ok, good);
    if (good) model_.leases[id] = {50, 0, model_.next_generation++};
  }
  void revoke(std::int64_t id) {
    const bool good = model_.leases.contains(id);
    ASSERT_EQ(store_.apply(revoke_of(id)).code == Code::ok, good);
    if (!good) return;
    model_.erase(model_.attached(id));
    model_.leases.erase(id);
  }
  void expire(std::int64_t id) {
    const auto generation = 1 + random_.below(model_.next_generation);
    ASSERT_EQ(store_.apply(expiry_of({{id, 0, 0, generation}})).code, Code::ok);
    const auto found = model_.leases.find(id);
    if (found == model_.leases.end() || found->second.generation != generation) return;
    model_.erase(model_.attached(id));
    model_.leases.erase(found);
  }
  void checkpoint(std::int64_t id) {
    const auto generation = 1 + random_.below(model_.next_generation);
    const auto remaining = static_cast<std::int64_t>(random_.below(40));
    store_.apply(checkpoint_of({id, 0, 0, generation}, remaining));
    const auto found = model_.leases.find(id);
    if (found != model_.leases.end() && found->second.generation == generation)
      found->second.remaining = remaining;
  }
  void erase(const std::string& key) {
    store_.erase(key);
    if (model_.keys.contains(key)) model_.erase({key});
  }
  void put(const std::string& key, std::int64_t lease) {
    const bool good = lease == 0 || model_.leases.contains(lease);
    ASSERT_EQ(store_.apply(leased_put(key, lease)).code == Code::ok, good);
    if (!good) return;
    model_.keys[key] = lease;
    model_.revision += 1;
  }
  void compare(const View& view) const {
    EXPECT_EQ(view.revision(), model_.revision);
    EXPECT_EQ(view.lease_count(), model_.leases.size());
    EXPECT_EQ(view.key_count(), model_.keys.size());
    for (std::int64_t id = -3; id <= 3; ++id) {
      const auto found = model_.leases.find(id);
      const auto lease = view.lease(id);
      ASSERT_EQ(lease.has_value(), found != model_.leases.end()) << id;
      if (!lease) continue;
      EXPECT_EQ(*lease,
                (LeaseInfo{id, found->second.ttl, found->second.remaining, found->second.generation}));
      EXPECT_EQ(keys_of(view, id), model_.attached(id));
    }
  }

  static constexpr std::size_t kLeasesMax = 4;
  static Limits limits() {
    Limits limits;
    limits.leases_max = kLeasesMax;
    return limits;
  }
  Prng random_{static_cast<std::uint64_t>(GetParam())};
  LeaseModel model_;
  Harness store_{limits()};
};

TEST_P(LeaseModelTest, TheStateIsTheModels) {
  std::shared_ptr<const View> old;
  LeaseModel old_model;
  for (int i = 0; i < 600 && !HasFatalFailure(); ++i) {
    step();
    compare(*store_.view());
    if (i % 50 == 7) old = store_.view(), old_model = model_;
    if (i % 50 == 40) {
      std::swap(old_model, model_);
      compare(*old);
      std::swap(old_model, model_);
    }
    if (i % 100 == 99) {  // the others of the cluster get it as a snapshot
      const std::string bytes = saved(*store_.view());
      auto again = loaded(bytes, 1 << 20, limits());
      EXPECT_EQ(again->state_hash(), store_.machine->state_hash());
      EXPECT_EQ(saved(*again->view()), bytes);
      store_.machine = std::move(again);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LeaseModelTest, testing::Range(1, 21));

}  // namespace
}  // namespace cairn::mvcc
