// Idempotency keys: a retried write applies once and is answered as the first time, on every member alike.
#include "mvcc/harness_test.h"

namespace cairn::mvcc {
namespace {

command::Command keyed_put(const std::string& session, std::int64_t time, const std::string& value = "v") {
  command::Command command;
  command.set_idempotency_key(session);
  command.set_time_unix_ms(time);
  *command.mutable_put() = put_request("a", value);
  command.mutable_put()->set_prev_kv(true);
  return command;
}

TEST(Session, SecondCommandChangesNothingAndAnswersTheSame) {
  Harness store;
  store.put("a", "before");
  const Outcome first = store.apply(keyed_put("k", 1000));
  store.put("a", "between");
  const Outcome second = store.apply(keyed_put("k", 2000));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(first.revision, second.revision);
  EXPECT_EQ(store.get("a").kvs(0).value(), "between");
  EXPECT_EQ(store.view()->revision(), 4);
}

TEST(Session, RefusalsAreRememberedToo) {
  Harness store;
  auto command = keyed_put("k", 1);
  command.mutable_put()->set_lease(3);
  EXPECT_EQ(store.apply(command).error, "etcdserver: requested lease not found");
  EXPECT_EQ(store.apply(command).error, "etcdserver: requested lease not found");
}

TEST(Session, DifferentRequestUnderTheSameKeyIsRefused) {
  Harness store;
  store.apply(keyed_put("k", 1000, "one"));
  const Outcome outcome = store.apply(keyed_put("k", 1001, "two"));
  EXPECT_EQ(outcome.code, Code::invalid_argument);
  EXPECT_NE(outcome.error.find("idempotency key"), std::string::npos);
  EXPECT_EQ(store.get("a").kvs(0).value(), "one");
}

TEST(Session, KeysAreBounded) {
  Harness store;
  EXPECT_EQ(store.apply(keyed_put(std::string(256, 'k'), 1)).code, Code::ok);
  EXPECT_EQ(store.apply(keyed_put(std::string(257, 'k'), 1)).code, Code::invalid_argument);
  EXPECT_EQ(store.view()->revision(), 2);
}

TEST(Session, WindowPassesByTheCommandsOwnClocks) {
  Harness store;
  store.apply(keyed_put("k", 1000));
  store.apply(keyed_put("other", 1000 + 600'000 - 1));
  store.apply(keyed_put("k", 0));  // a proposer with a slow clock does not turn time back
  EXPECT_EQ(store.view()->revision(), 3);
  store.apply(keyed_put("k", 1000 + 600'000));
  EXPECT_EQ(store.view()->revision(), 4) << "forgotten, so applied again";
}

TEST(Session, OldestAreForgottenFirst) {
  Limits limits;
  limits.sessions_max = 3;
  Harness store(limits);
  for (const char* key : {"s1", "s2", "s3", "s4"}) store.apply(keyed_put(key, 1));
  EXPECT_EQ(store.view()->revision(), 5);
  store.apply(keyed_put("s4", 1));
  store.apply(keyed_put("s2", 1));
  EXPECT_EQ(store.view()->revision(), 5);
  store.apply(keyed_put("s1", 1));
  EXPECT_EQ(store.view()->revision(), 6);
}

TEST(Session, RememberedBytesAreBounded) {
  Limits limits;
  limits.session_bytes_max = 10'000;
  Harness store(limits);
  for (int i = 0; i < 50; ++i) store.apply(keyed_put("s" + std::to_string(i), 1, std::string(1000, 'x')));
  const std::int64_t revision = store.view()->revision();
  store.apply(keyed_put("s49", 1, std::string(1000, 'x')));
  EXPECT_EQ(store.view()->revision(), revision) << "the newest is remembered";
  store.apply(keyed_put("s0", 1, std::string(1000, 'x')));
  EXPECT_EQ(store.view()->revision(), revision + 1) << "the oldest is not";
}

TEST(Session, TooLargeAResponseIsNotKeptButAppliedOnce) {
  Harness store;
  store.put("a", std::string(2 << 20, 'x'));
  const Outcome first = store.apply(keyed_put("k", 1));
  EXPECT_EQ(first.code, Code::ok);
  const Outcome second = store.apply(keyed_put("k", 1));
  EXPECT_EQ(second.code, Code::failed_precondition);
  EXPECT_NE(second.error.find("applied at revision 3"), std::string::npos);
  EXPECT_EQ(store.view()->revision(), 3);
}

TEST(Session, SurvivesSavingAndIsPartOfTheHash) {
  Harness store, other;
  store.apply(keyed_put("k", 1000));
  auto plain = keyed_put("k", 1000);
  plain.clear_idempotency_key();
  other.apply(plain);
  EXPECT_NE(store.view()->hash(), other.view()->hash());
  Harness again(loaded(saved(*store.view()), 7));
  EXPECT_EQ(again.view()->hash(), store.view()->hash());
  again.apply(keyed_put("k", 2000));
  EXPECT_EQ(again.view()->revision(), 2);
}

TEST(Session, ResponsesDoNotDependOnWhoWaits) {
  Harness waited, unwaited;
  for (int i = 0; i < 2; ++i) {
    waited.apply(keyed_put("k" + std::to_string(i), 1));
    command::Command command = keyed_put("k" + std::to_string(i), 1);
    command.set_request_id(1);
    command::Batch batch;
    *batch.add_commands() = command;
    unwaited.machine->apply(unwaited.machine->applied_index() + 1, batch.SerializeAsString(), nullptr);
  }
  EXPECT_EQ(saved(*waited.view()), saved(*unwaited.view()));
}

}  // namespace
}  // namespace cairn::mvcc
