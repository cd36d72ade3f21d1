// Alarms: what they refuse, that they are part of the state, and how they are saved.
#include "mvcc/alarms.h"

#include <xxhash.h>

#include <map>
#include <set>

#include "base/codec.h"
#include "base/prng.h"
#include "etcd/reasons.h"
#include "mvcc/commands.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

command::Command alarm(pb::AlarmRequest::AlarmAction action, std::uint64_t member, pb::AlarmType type) {
  command::Command command;
  command.mutable_alarm()->set_action(action);
  command.mutable_alarm()->set_memberid(member);
  command.mutable_alarm()->set_alarm(type);
  return command;
}
command::Command raise(std::uint64_t member, pb::AlarmType type = pb::NOSPACE) {
  return alarm(pb::AlarmRequest::ACTIVATE, member, type);
}
command::Command disarm(std::uint64_t member, pb::AlarmType type = pb::NOSPACE) {
  return alarm(pb::AlarmRequest::DEACTIVATE, member, type);
}
command::Command listing(pb::AlarmType type) { return alarm(pb::AlarmRequest::GET, 0, type); }

// "7 NOSPACE, 8 CORRUPT"
std::string told(const Outcome& outcome) {
  std::string text;
  const auto response = parse<pb::AlarmResponse>(outcome);
  for (const pb::AlarmMember& each : response.alarms())
    text +=
        (text.empty() ? "" : ", ") + std::to_string(each.memberid()) + " " + pb::AlarmType_Name(each.alarm());
  return text;
}

pb::TxnRequest txn_with_put() {
  pb::TxnRequest request;
  *request.add_failure()->mutable_request_put() = put_request("k", "v");
  return request;
}

TEST(Alarms, AreAnsweredAsEtcdDoes) {
  Harness store;
  EXPECT_EQ(told(store.apply(listing(pb::NONE))), "");
  EXPECT_EQ(told(store.apply(raise(8))), "8 NOSPACE");
  EXPECT_EQ(told(store.apply(raise(8))), "8 NOSPACE") << "it stands already";
  EXPECT_EQ(told(store.apply(raise(7, pb::CORRUPT))), "7 CORRUPT");
  EXPECT_EQ(told(store.apply(listing(pb::NONE))), "7 CORRUPT, 8 NOSPACE");
  EXPECT_EQ(told(store.apply(listing(pb::NOSPACE))), "8 NOSPACE");
  EXPECT_EQ(told(store.apply(disarm(7))), "") << "of the other kind";
  EXPECT_EQ(told(store.apply(disarm(8))), "8 NOSPACE");
  EXPECT_EQ(told(store.apply(disarm(8))), "");
  EXPECT_EQ(told(store.apply(listing(pb::NONE))), "7 CORRUPT");
  EXPECT_EQ(store.apply(raise(1, pb::NONE)).code, Code::invalid_argument);
  EXPECT_EQ(store.apply(raise(1, static_cast<pb::AlarmType>(9))).code, Code::invalid_argument);
  EXPECT_EQ(store.view()->revision(), 1) << "no revision is made";
}

TEST(Alarms, OfNoSpaceRefusesWhatMayGrowAndNothingElse) {
  Harness store;
  store.put("k", "v");
  store.apply(raise(1));
  EXPECT_EQ(store.put("k", "w").reason, Reason::no_space);
  EXPECT_EQ(store.apply(txn_with_put()).reason, Reason::no_space) << "whichever branch would be taken";
  EXPECT_EQ(store.get("k").kvs(0).value(), "v");
  EXPECT_EQ(store.view()->revision(), 2);
  EXPECT_EQ(store.erase("k").code, Code::ok);
  EXPECT_EQ(store.apply(pb::TxnRequest()).code, Code::ok);
  EXPECT_EQ(store.compact(2).code, Code::ok);
  store.apply(raise(2));
  store.apply(disarm(1));
  EXPECT_EQ(store.put("k", "w").reason, Reason::no_space) << "one is left";
  store.apply(disarm(2));
  EXPECT_EQ(store.put("k", "w").code, Code::ok);
}

TEST(Alarms, OfCorruptionRefusesWhateverTouchesKeys) {
  Harness store;
  store.put("k", "v");
  store.apply(raise(1, pb::CORRUPT));
  EXPECT_EQ(store.put("k", "w").reason, Reason::corrupt);
  EXPECT_EQ(store.erase("k").reason, Reason::corrupt);
  EXPECT_EQ(store.apply(pb::TxnRequest()).reason, Reason::corrupt);
  EXPECT_EQ(store.compact(2).reason, Reason::corrupt);
  store.machine->follow({{1, {1, "n1", {}, {}}}});
  command::Command publish;
  publish.mutable_publish()->set_id(1);
  EXPECT_EQ(store.apply(publish).code, Code::ok) << "members are not keys";
  store.apply(disarm(1, pb::CORRUPT));
  EXPECT_EQ(store.erase("k").code, Code::ok);
}

// Else a client that asks again is told for ten minutes what has long been mended.
TEST(Alarms, WhatTheyRefuseIsNotRememberedByItsKey) {
  Harness store;
  command::Command keyed;
  *keyed.mutable_put() = put_request("k", "v");
  keyed.set_idempotency_key("before");
  EXPECT_EQ(store.apply(keyed).revision, 2);
  store.apply(raise(1));
  EXPECT_EQ(store.apply(keyed).revision, 2) << "it has happened, and its client is told so";
  EXPECT_EQ(store.apply(keyed).code, Code::ok);
  keyed.set_idempotency_key("meanwhile");
  EXPECT_EQ(store.apply(keyed).reason, Reason::no_space);
  store.apply(disarm(1));
  EXPECT_EQ(store.apply(keyed).code, Code::ok);
  EXPECT_EQ(store.view()->revision(), 3);
}

TEST(Alarms, AreBounded) {
  Limits narrow;
  narrow.alarms_max = 2;
  Harness store(narrow);
  EXPECT_EQ(store.apply(raise(1)).code, Code::ok);
  EXPECT_EQ(store.apply(raise(2)).code, Code::ok);
  EXPECT_EQ(store.apply(raise(3)).code, Code::resource_exhausted);
  EXPECT_EQ(store.apply(raise(2)).code, Code::ok) << "it stands already";
  store.apply(disarm(1));
  EXPECT_EQ(store.apply(raise(3)).code, Code::ok);
  StringSource source(saved(*store.view()));
  narrow.alarms_max = 1;
  EXPECT_FALSE(StateMachine::load(&source, narrow).has_value());
}

TEST(Alarms, ArePartOfTheStateAndOfItsHash) {
  Harness store, without;
  const std::uint64_t empty = store.machine->state_hash();
  EXPECT_EQ(empty, without.machine->state_hash());
  store.apply(raise(1));
  without.idle();
  EXPECT_NE(store.machine->state_hash(), without.machine->state_hash());
  EXPECT_NE(saved(*store.view()), saved(*without.view()));
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.view()->alarms(), (AlarmList{{1, AlarmKind::no_space}}));
  EXPECT_EQ(again.put("k", "v").reason, Reason::no_space);
  const auto before = store.view();
  store.apply(disarm(1));
  EXPECT_EQ(before->alarms().size(), 1U) << "a view never changes";
}

std::string sealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  codec::put_fixed(&bytes, std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
  return bytes;
}

std::string section(std::uint32_t count, const std::string& content) {
  std::string bytes;
  codec::put_fixed(&bytes, std::uint32_t{6});
  bytes += "alarms";
  codec::put_fixed(&bytes, std::uint32_t{1});
  codec::put_fixed(&bytes, count);
  bytes += content;
  codec::put_fixed(&bytes, std::uint64_t{4 + content.size()});
  return bytes;
}

const std::string kSeven("\7\0\0\0\0\0\0\0\2", 9), kEight("\x8\0\0\0\0\0\0\0\1", 9);

// Byte for byte: members of different builds exchange snapshots.
TEST(AlarmsSection, IsWrittenAsTheFormatSays) {
  Harness store;
  EXPECT_NE(saved(*store.view()).find(section(0, "")), std::string::npos);
  store.apply(raise(8));
  store.apply(raise(7, pb::CORRUPT));
  EXPECT_NE(saved(*store.view()).find(section(2, kSeven + kEight)), std::string::npos);
}

TEST(AlarmsSection, ThatMakesNoSenseIsRefused) {
  Harness store;
  store.apply(raise(8));
  store.apply(raise(7, pb::CORRUPT));
  const std::string bytes = saved(*store.view()), good = section(2, kSeven + kEight);
  const auto with = [&](const std::string& other) {
    std::string changed = bytes;
    StringSource source(sealed(changed.replace(changed.find(good), good.size(), other)));
    const auto machine = StateMachine::load(&source);
    return machine ? std::string("loaded") : machine.error().message;
  };
  EXPECT_EQ(with(good), "loaded");
  EXPECT_NE(with(section(2, kEight + kSeven)).find("alarms out of order"), std::string::npos);
  EXPECT_NE(with(section(2, kSeven + kSeven)).find("alarms out of order"), std::string::npos);
  const std::string ninth("\x8\0\0\0\0\0\0\0\x9", 9);
  EXPECT_NE(with(section(2, kSeven + ninth)).find("an alarm of kind 9"), std::string::npos);
  EXPECT_NE(with(section(1, kSeven)).find("E_STATE_DAMAGED"), std::string::npos) << "the hash has both";
}

TEST(AlarmsSection, IsMissingInAStateOfAnOlderVersion) {
  Harness store;
  store.put("k", "v");
  std::string bytes = saved(*store.view());
  bytes[8] = 3;
  bytes.erase(bytes.find(section(0, "")), section(0, "").size());
  const std::string of_leases("\6\0\0\0leases\1\0\0\0", 14);  // as young as this one: it goes, too
  bytes.erase(bytes.find(of_leases), of_leases.size() + 16 + 8);
  const std::string of_users("\4\0\0\0auth\1\0\0\0", 12);  // younger: it goes, too
  bytes.erase(bytes.find(of_users), of_users.size() + 29 + 8);
  Harness again(loaded(sealed(bytes)));
  EXPECT_EQ(again.machine->state_hash(), store.machine->state_hash());
  EXPECT_TRUE(again.view()->alarms().empty());
  bytes[8] = 4;
  StringSource source(sealed(bytes));
  EXPECT_FALSE(StateMachine::load(&source).has_value()) << "demanded of this version";
}

// Random alarms and writes against a set and a map.
TEST(Alarms, AgreeWithASimpleModel) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Prng random(seed);
    Harness store;
    std::set<std::pair<std::uint64_t, int>> model;
    std::map<std::string, std::string> keys;
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t member = random.below(3);
      const auto type = random.chance(1, 6) ? pb::CORRUPT : pb::NOSPACE;
      const bool corrupt = std::any_of(model.begin(), model.end(), [](auto& a) { return a.second == 2; });
      const std::string key = std::to_string(random.below(4));
      switch (random.below(5)) {
        case 0:
          EXPECT_EQ(store.apply(raise(member, type)).code, Code::ok);
          model.insert({member, type});
          break;
        case 1:
          EXPECT_EQ(told(store.apply(disarm(member, type))).empty(), model.erase({member, type}) == 0);
          break;
        case 2:
          store = Harness(loaded(saved(*store.view())));
          break;
        case 3:
          EXPECT_EQ(store.put(key, "v").code == Code::ok, model.empty());
          if (model.empty()) keys[key] = "v";
          break;
        default:
          EXPECT_EQ(store.erase(key).code == Code::ok, !corrupt);
          if (!corrupt) keys.erase(key);
      }
      ASSERT_EQ(store.view()->alarms().size(), model.size()) << "seed " << seed << " step " << step;
      ASSERT_EQ(store.view()->key_count(), keys.size()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace cairn::mvcc
