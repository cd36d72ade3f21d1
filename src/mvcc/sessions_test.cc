// Idempotency keys: a retried write applies once and is answered as the first time, on every member alike;
// what may be forgotten is not applied again.
#include "etcd/reasons.h"
#include "mvcc/harness_fixture.h"

namespace cairn::mvcc {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::uint64_t kMinuteMs = 60'000;

command::Command keyed_put(const std::string& key, std::int64_t revision = 0,
                           const std::string& value = "v") {
  command::Command command;
  command.set_idempotency_key(key);
  command.set_idempotency_revision(revision);
  *command.mutable_put() = put_request("a", value);
  command.mutable_put()->set_prev_kv(true);
  return command;
}

// As a member with a clock of its own writes it.
command::Command keyed_put_at(const std::string& key, std::int64_t wall_ms) {
  command::Command command = keyed_put(key);
  command.set_time_unix_ms(wall_ms);
  return command;
}

Limits few(std::size_t sessions_max) {
  Limits limits;
  limits.sessions_max = sessions_max;
  return limits;
}

void pass(Harness* store, std::uint64_t elapsed_ms) {
  store->elapsed_ms = elapsed_ms;
  store->put("time", "passes");
}

bool applies(Harness* store, const command::Command& command) {
  const std::int64_t before = store->view()->revision();
  store->apply(command);
  return store->view()->revision() > before;
}

TEST(Session, SecondCommandChangesNothingAndAnswersTheSame) {
  Harness store;
  store.put("a", "before");
  const Outcome first = store.apply(keyed_put("k"));
  store.put("a", "between");
  const Outcome second = store.apply(keyed_put("k"));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(first.revision, second.revision);
  EXPECT_EQ(store.get("a").kvs(0).value(), "between");
  EXPECT_EQ(store.view()->revision(), 4);
}

TEST(Session, RefusalsAreRememberedToo) {
  Harness store;
  auto command = keyed_put("k");
  command.mutable_put()->set_lease(3);
  EXPECT_EQ(store.apply(command).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(command).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(command).reason, Reason::lease_not_found);
}

TEST(Session, TheReasonOfARememberedRefusalIsReadOffASavedState) {
  Limits limits;
  limits.session_body_bytes_max = 10;
  Harness store(limits);
  auto refused = keyed_put("refused");
  refused.mutable_put()->set_lease(3);
  store.apply(refused);
  store.put("a", std::string(11, 'x'));
  store.apply(keyed_put("large"));
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.apply(refused).reason, Reason::lease_not_found);
  EXPECT_EQ(again.apply(keyed_put("large")).reason, Reason::already_applied);
}

TEST(Session, AnswersMakeRoomForKeysOldestFirst) {
  Limits limits;
  limits.session_bytes_max = 50'000;
  Harness store(limits);
  pass(&store, 1);
  store.put("a", std::string(20'000, 'x'));
  const auto large = [](const std::string& key) {
    command::Command command = keyed_put(key, 0, std::string(20'000, 'x'));
    command.set_answers_make_room(true);
    return command;
  };
  for (const char* key : {"1", "2", "3", "4", "5", "6"}) EXPECT_EQ(store.apply(large(key)).code, Code::ok);
  Harness again(loaded(saved(*store.view()), 1 << 20, limits));
  for (Harness* each : {&store, &again}) {
    EXPECT_EQ(each->apply(large("7")).code, Code::ok);
    for (const char* key : {"1", "2", "3", "4"})
      EXPECT_EQ(each->apply(large(key)).reason, Reason::already_applied) << key;
    for (const char* key : {"5", "6", "7"}) EXPECT_EQ(each->apply(large(key)).code, Code::ok) << key;
  }
  EXPECT_EQ(saved(*store.view()), saved(*again.view()));

  // In a log from before, keys find no room.
  Harness before(limits);
  pass(&before, 1);
  before.put("a", std::string(20'000, 'x'));
  for (const char* key : {"1", "2", "3"})
    EXPECT_EQ(before.apply(keyed_put(key, 0, std::string(20'000, 'x'))).code, Code::ok);
  EXPECT_EQ(before.apply(keyed_put("4")).reason, Reason::idempotency_table_full);
}

TEST(Session, DifferentRequestUnderTheSameKeyIsRefused) {
  Harness store;
  store.apply(keyed_put("k", 0, "one"));
  const Outcome outcome = store.apply(keyed_put("k", 0, "two"));
  EXPECT_EQ(outcome.code, Code::invalid_argument);
  EXPECT_NE(outcome.error.find("idempotency key"), std::string::npos);
  EXPECT_EQ(store.get("a").kvs(0).value(), "one");
}

TEST(Session, KeysAreBounded) {
  Harness store;
  EXPECT_EQ(store.apply(keyed_put(std::string(256, 'k'))).code, Code::ok);
  EXPECT_EQ(store.apply(keyed_put(std::string(257, 'k'))).code, Code::invalid_argument);
  EXPECT_EQ(store.view()->revision(), 2);
}

// The clock: leaders say how much time has passed, and nobody's wall clock counts.

TEST(SessionClock, AMemberWhoseClockIsAnHourAheadChangesNothing) {
  Harness store;
  const std::int64_t now = 1'700'000'000'000;
  EXPECT_TRUE(applies(&store, keyed_put_at("k", now)));
  EXPECT_TRUE(applies(&store, keyed_put_at("other", now + kHourMs)));
  EXPECT_FALSE(applies(&store, keyed_put_at("k", now + 1)));
  EXPECT_FALSE(applies(&store, keyed_put_at("k", now + kHourMs)));
}

TEST(SessionClock, AClockThatStepsForthAndBackChangesNothing) {
  Harness store;
  EXPECT_TRUE(applies(&store, keyed_put_at("k", 1000)));
  for (const std::int64_t wall_ms : {24 * kHourMs, std::int64_t{0}, std::int64_t{-5}, 1000 * kHourMs})
    EXPECT_FALSE(applies(&store, keyed_put_at("k", wall_ms))) << wall_ms;
}

TEST(SessionClock, AKeyIsRememberedForTenMinutesOfTheLeadersTime) {
  Harness store;
  store.apply(keyed_put("k"));
  for (int minute = 0; minute < 9; ++minute) pass(&store, kMinuteMs);
  pass(&store, kMinuteMs - 1);
  EXPECT_FALSE(applies(&store, keyed_put("k")));
  pass(&store, 1);
  EXPECT_TRUE(applies(&store, keyed_put("k"))) << "forgotten, and nothing says that it is not new";
}

TEST(SessionClock, OneEntryMovesItByABoundedStep) {
  Limits limits;
  limits.session_step_ms_max = 100;
  limits.session_ttl_ms = 101;
  Harness store(limits);
  store.apply(keyed_put("k"));
  pass(&store, ~std::uint64_t{0});
  EXPECT_FALSE(applies(&store, keyed_put("k")));
  pass(&store, ~std::uint64_t{0});
  EXPECT_TRUE(applies(&store, keyed_put("k")));
}

TEST(SessionClock, OnlyWhatComesFirstInAnEntryIsTheLeaders) {
  const auto put = keyed_put("k");
  const auto entry = [&](std::uint64_t elapsed_ms) {
    command::Batch forwarded;  // with a time of its own
    *forwarded.add_commands() = put;
    command::Batch late;
    late.set_leader_elapsed_ms(24 * kHourMs);
    command::Batch head;
    head.set_leader_elapsed_ms(elapsed_ms);
    return head.SerializeAsString() + late.SerializeAsString() + forwarded.SerializeAsString();
  };
  Limits limits;
  limits.session_step_ms_max = limits.session_ttl_ms;
  StateMachine machine({}, limits);
  for (std::uint64_t index = 1; index < 5; ++index) machine.apply({index, 1}, entry(1), nullptr);
  EXPECT_EQ(machine.view()->revision(), 2);
}

TEST(SessionClock, LogsOfOlderVersionsAreAppliedAsThoseDid) {
  Harness store(few(3));
  store.leaders_tell_time = false;
  EXPECT_TRUE(applies(&store, keyed_put_at("k", 1000)));
  EXPECT_FALSE(applies(&store, keyed_put_at("k", 1000 + 600'000 - 1)));
  EXPECT_FALSE(applies(&store, keyed_put_at("k", 0)));
  EXPECT_TRUE(applies(&store, keyed_put_at("k", 1000 + 600'000)));
  for (const char* key : {"s1", "s2", "s3"}) store.apply(keyed_put_at(key, 1));
  EXPECT_TRUE(applies(&store, keyed_put_at("k", 1))) << "the oldest went";
  store.leaders_tell_time = true;
  EXPECT_FALSE(applies(&store, keyed_put_at("k", 24 * kHourMs)));
  EXPECT_FALSE(applies(&store, keyed_put("new"))) << "from now on nobody's promise is broken";
  const std::int64_t revision = store.view()->revision();
  EXPECT_EQ(store.apply(keyed_put("old", revision - 1)).code, Code::failed_precondition);
}

// Stamped keys: with a revision that the store had before the key was used.

TEST(SessionStamp, AForgottenKeyIsRefusedAndNotApplied) {
  Harness store(few(1));
  EXPECT_TRUE(applies(&store, keyed_put("k1", 1)));
  EXPECT_TRUE(applies(&store, keyed_put("k2", 2)));
  const Outcome outcome = store.apply(keyed_put("k1", 1));
  EXPECT_EQ(outcome.code, Code::failed_precondition);
  EXPECT_NE(outcome.error.find("too old"), std::string::npos) << outcome.error;
  EXPECT_EQ(store.view()->revision(), 3);
  EXPECT_FALSE(applies(&store, keyed_put("k2", 2))) << "is remembered";
}

TEST(SessionStamp, HowOldTheKeyIsDoesNotMatterWhileItIsRemembered) {
  Harness store(few(2));
  EXPECT_TRUE(applies(&store, keyed_put("k", 1)));
  for (int i = 0; i < 100; ++i) store.put("b", "v");
  EXPECT_EQ(store.apply(keyed_put("k", 1)).code, Code::ok);
  EXPECT_EQ(store.apply(keyed_put("first-sent-late", 1)).code, Code::ok) << "nothing was forgotten since";
}

TEST(SessionStamp, TheNewestRevisionIsAlwaysYoungEnough) {
  Harness store(few(1));
  for (int i = 0; i < 20; ++i) {
    const std::int64_t revision = store.view()->revision();
    EXPECT_TRUE(applies(&store, keyed_put("k" + std::to_string(i), revision)));
    command::Command refused = keyed_put("r" + std::to_string(i), revision + 1);
    refused.mutable_put()->set_lease(3);
    EXPECT_EQ(store.apply(refused).code, Code::not_found) << "and remembered, having changed nothing";
  }
}

TEST(SessionStamp, TimeForgetsThemToo) {
  Harness store;
  EXPECT_TRUE(applies(&store, keyed_put("k", 1)));
  pass(&store, 5 * kMinuteMs);
  pass(&store, 5 * kMinuteMs);
  EXPECT_EQ(store.apply(keyed_put("k", 1)).code, Code::failed_precondition);
  EXPECT_TRUE(applies(&store, keyed_put("k2", 2)));
}

TEST(SessionStamp, ARevisionThatTheStoreNeverHadIsRefused) {
  Harness store;
  for (const std::int64_t revision : {std::int64_t{2}, std::int64_t{1} << 62, std::int64_t{-1}})
    EXPECT_EQ(store.apply(keyed_put("k", revision)).code, Code::invalid_argument) << revision;
  EXPECT_EQ(store.view()->revision(), 1);
}

// What happens when the table is full.

TEST(SessionRoom, YoungKeysWithoutARevisionAreNotForgottenForNewOnes) {
  Harness store(few(2));
  EXPECT_TRUE(applies(&store, keyed_put("k1")));
  EXPECT_TRUE(applies(&store, keyed_put("k2")));
  for (const std::int64_t revision : {0, 3}) {
    const Outcome outcome = store.apply(keyed_put("k3", revision));
    EXPECT_EQ(outcome.code, Code::resource_exhausted);
    EXPECT_EQ(outcome.error.find("etcdserver: too many requests"), 0u) << outcome.error;
  }
  EXPECT_FALSE(applies(&store, keyed_put("k1")));
  EXPECT_FALSE(applies(&store, keyed_put("k2")));
  pass(&store, 5 * kMinuteMs);
  pass(&store, 5 * kMinuteMs);
  EXPECT_TRUE(applies(&store, keyed_put("k3"))) << "the others have had their time";
}

TEST(SessionRoom, KeysWithARevisionGoFirst) {
  Harness store(few(2));
  EXPECT_TRUE(applies(&store, keyed_put("k1")));
  EXPECT_TRUE(applies(&store, keyed_put("s1", 2)));
  EXPECT_TRUE(applies(&store, keyed_put("s2", 3))) << "in the place of s1";
  EXPECT_TRUE(applies(&store, keyed_put("k2"))) << "in the place of s2";
  EXPECT_FALSE(applies(&store, keyed_put("k1")));
  EXPECT_EQ(store.apply(keyed_put("s2", 3)).code, Code::failed_precondition);
}

TEST(SessionRoom, RememberedBytesAreBounded) {
  Limits limits;
  limits.session_bytes_max = 10'000;
  Harness store(limits);
  const std::string value(1000, 'x');
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(applies(&store, keyed_put("s" + std::to_string(i), store.view()->revision(), value)));
  EXPECT_FALSE(applies(&store, keyed_put("s49", 50, value))) << "the newest is remembered";
  EXPECT_EQ(store.apply(keyed_put("s0", 1, value)).code, Code::failed_precondition) << "the oldest is not";
  limits.session_bytes_max = 1;
  Harness narrow(limits);
  EXPECT_TRUE(applies(&narrow, keyed_put("s1", 1)));
  EXPECT_FALSE(applies(&narrow, keyed_put("s1", 1)));
  EXPECT_TRUE(applies(&narrow, keyed_put("s2", 2)));
}

TEST(SessionRoom, TooLargeAResponseIsNotKeptButAppliedOnce) {
  Limits limits;
  limits.session_body_bytes_max = 10;
  Harness store(limits);
  store.put("a", std::string(11, 'x'));
  const Outcome first = store.apply(keyed_put("k"));
  EXPECT_EQ(first.code, Code::ok);
  const Outcome second = store.apply(keyed_put("k"));
  EXPECT_EQ(second.code, Code::failed_precondition);
  EXPECT_NE(second.error.find("applied at revision 3"), std::string::npos);
  EXPECT_EQ(store.view()->revision(), 3);
}

// View::hash() is the XXH3 of the bytes that save() writes.
TEST(SavedState, BytesNeverChange) {
  Harness store;
  store.apply(keyed_put("k"));
  store.apply(keyed_put("stamped", 2, "newer"));
  auto refused = keyed_put("refused");
  refused.mutable_put()->set_lease(3);
  store.apply(refused);
  store.put("b", std::string(70000, 'v'));
  store.erase("a");
  store.put("c", "");
  pass(&store, 7);
  store.compact(3);
  EXPECT_EQ(saved(*store.view()).size(), 70725U);
  EXPECT_EQ(store.view()->hash(), 6141293582863530729U);
}

TEST(Session, SurvivesSavingAndIsPartOfTheHash) {
  Harness store, other;
  store.apply(keyed_put("k"));
  store.apply(keyed_put("s", 2));
  auto plain = keyed_put("k");
  plain.clear_idempotency_key();
  other.apply(plain);
  other.apply(plain);
  EXPECT_NE(store.view()->hash(), other.view()->hash());
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.view()->hash(), store.view()->hash());
  for (Harness* each : {&store, &again}) {
    EXPECT_FALSE(applies(each, keyed_put("k")));
    EXPECT_FALSE(applies(each, keyed_put("s", 2)));
    pass(each, 7);
  }
  EXPECT_EQ(again.view()->hash(), store.view()->hash());
}

TEST(Session, WhatIsForgottenSurvivesSaving) {
  Harness store(few(1));
  store.apply(keyed_put("k1", 1));
  store.apply(keyed_put("k2", 2));
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.apply(keyed_put("k1", 1)).code, Code::failed_precondition);
}

TEST(Session, ResponsesDoNotDependOnWhoWaits) {
  Harness waited, unwaited;
  for (int i = 0; i < 2; ++i) {
    waited.apply(keyed_put("k" + std::to_string(i)));
    command::Command command = keyed_put("k" + std::to_string(i));
    command.set_request_id(1);
    command::Batch batch;
    batch.set_leader_elapsed_ms(0);
    *batch.add_commands() = command;
    unwaited.machine->apply({unwaited.machine->applied_index() + 1, 1}, in_entry(batch), nullptr);
  }
  EXPECT_EQ(saved(*waited.view()), saved(*unwaited.view()));
}

}  // namespace
}  // namespace cairn::mvcc
