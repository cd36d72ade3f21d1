// Views under threads, and what loading makes of damaged bytes.
#include <xxhash.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>

#include "base/codec.h"
#include "base/prng.h"
#include "etcd/reasons.h"
#include "mvcc/harness_fixture.h"
#include "mvcc/storage.h"
#include "support/source_dir.h"

namespace cairn::mvcc {
namespace {

// Run under ThreadSanitizer this shows that readers need no lock.
TEST(View, ReadersWalkWhileTheWriterApplies) {
  Harness store;
  std::mutex mutex;
  std::shared_ptr<const View> shared = store.view();
  std::atomic<bool> stop = false;
  std::atomic<int> walks = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        std::shared_ptr<const View> view;
        {
          const std::lock_guard lock(mutex);
          view = shared;
        }
        const auto all = range_request("k", "l");
        const auto response = parse<pb::RangeResponse>(view->range(*etcd::check(all)));
        std::int64_t newest = 1;
        for (const auto& kv : response.kvs()) newest = std::max(newest, kv.mod_revision());
        EXPECT_LE(newest, view->revision());
        EXPECT_EQ(response.count(), static_cast<std::int64_t>(view->key_count()));
        const auto pieces = view->open_range(*etcd::check(all)).large;
        while (!pieces->measure()) {
        }
        std::string bytes;
        while (!pieces->finished()) pieces->read(500, &bytes);
        EXPECT_EQ(bytes, view->range(*etcd::check(all)).body);
        EXPECT_EQ(view->hash(), view->hash());
        ++walks;
      }
    });
  }
  Prng random(1);
  for (int i = 0; i < 4000 || walks < 10; ++i) {
    const std::string key = "k" + std::to_string(random.below(300));
    if (random.chance(1, 4))
      store.erase(key);
    else
      store.put(key, std::string(random.below(100), 'v'));
    if (i % 100 == 99) store.compact(store.view()->revision() - 20);
    if (i % 3 == 0) {
      const std::lock_guard lock(mutex);
      shared = store.view();
    }
  }
  stop = true;
  for (auto& reader : readers) reader.join();
}

TEST(View, TellsWhatIsInUseFromWhatIsHistory) {
  Harness store;
  store.put("a", std::string(1000, 'v'));
  const std::uint64_t one = store.view()->size_in_use_bytes();
  EXPECT_GT(one, 1000U);
  EXPECT_EQ(one, store.view()->size_bytes()) << "nothing has been superseded";
  store.put("a", std::string(3000, 'v'));
  store.put("b", std::string(500, 'v'));
  const std::uint64_t two = store.view()->size_in_use_bytes();
  EXPECT_GE(two, one + 2500);
  EXPECT_LE(two, one + 2700);
  EXPECT_GT(store.view()->size_bytes(), two + 1000);
  store.erase("a");
  store.erase("b");
  EXPECT_LT(store.view()->size_in_use_bytes(), one - 1000);
  EXPECT_GT(store.view()->size_bytes(), 4500U);
}

TEST(View, OutlivesItsMachine) {
  auto store = std::make_unique<Harness>();
  for (int i = 0; i < 500; ++i) store->put("k" + std::to_string(i), "v");
  auto view = store->view();
  for (int i = 0; i < 500; ++i) store->erase("k" + std::to_string(i));
  store.reset();
  EXPECT_EQ(view->key_count(), 500u);
  EXPECT_EQ(parse<pb::RangeResponse>(view->range(*etcd::check(range_request("k", "l")))).kvs_size(), 500);
}

TEST(View, IsTheSameUntilSomethingIsApplied) {
  Harness store;
  const auto view = store.view();
  EXPECT_EQ(view, store.view());
  store.idle();
  EXPECT_NE(view, store.view());
}

std::string sample_state() {
  Harness store;
  for (int i = 0; i < 12; ++i)
    store.put("k" + std::to_string(i % 5), std::string(static_cast<std::size_t>(i), 'v'));
  store.erase("k1");
  store.compact(6);
  command::Command keyed;
  keyed.set_idempotency_key("session");
  keyed.set_time_unix_ms(5);
  *keyed.mutable_put() = put_request("z", "1");
  store.apply(keyed);
  store.machine->follow({{1, {1, "n1", {"http://127.0.0.1:2380"}, {}}}});
  command::Command publish;
  publish.mutable_publish()->set_id(1);
  store.apply(publish);
  return saved(*store.view());
}

TEST(Load, ReadsWhatWasSavedWhateverThePieces) {
  const std::string bytes = sample_state();
  for (std::size_t piece : {1, 3, 64, 100000}) {
    Harness again(loaded(bytes, piece));
    EXPECT_EQ(saved(*again.view()), bytes);
    EXPECT_EQ(again.get("k1", {}, 13).kvs(0).value(), std::string(11, 'v'));
    EXPECT_EQ(again.get("k1").count(), 0);
  }
}

TEST(StateHash, IsTheSameAfterLoadingAndWhateverIsCompacted) {
  Harness store;
  for (int i = 0; i < 600; ++i) {
    store.put("k" + std::to_string(i % 50), std::to_string(i));
    if (i % 7 == 0) store.erase("k" + std::to_string(i % 11));
  }
  store.compact(500);
  Harness again(loaded(saved(*store.view())));
  EXPECT_EQ(again.machine->state_hash(), store.machine->state_hash());
  {
    const auto keeps_all = again.view();
    for (int i = 0; i < 300; ++i) {
      for (Harness* each : {&store, &again}) each->idle();
      ASSERT_EQ(again.machine->state_hash(), store.machine->state_hash());
    }
  }
}

// The smallest limits make the same state and the same answers, only in more steps.
TEST(Limits, OfOneAreEnough) {
  Limits narrow;
  narrow.step = {.compact_records = 1,
                 .free_objects = 1,
                 .range_records = 1,
                 .small_value_bytes = 1,
                 .save_bytes = 1,
                 .load_bytes = 1,
                 .trusted_bytes = 1};
  Harness store(narrow), usual;
  for (int i = 0; i < 200; ++i) {
    for (Harness* each : {&store, &usual}) {
      each->put("k" + std::to_string(i % 20), std::string(static_cast<std::size_t>(i % 7), 'v'));
      if (i % 9 == 0) each->erase("k" + std::to_string(i % 11));
      if (i % 50 == 49) each->compact(each->view()->revision());
    }
    ASSERT_EQ(store.machine->state_hash(), usual.machine->state_hash());
  }
  const pb::RangeRequest all = range_request("k", "l");
  EXPECT_EQ(store.range(all).body, usual.range(all).body);
  const std::string bytes = saved(*store.view());
  EXPECT_EQ(bytes, saved(*usual.view()));
  StringSource source(bytes);
  const auto again = StateMachine::load(&source, narrow);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(saved(*(*again)->view()), bytes);
}

TEST(Limits, OfMembersAndTheirTextsHold) {
  Limits narrow;
  narrow.member_urls_max = 1;
  narrow.text_bytes_max = 8;
  narrow.request.idempotency_key_bytes_max = 1;
  Harness store(narrow);
  const auto publish = [&](std::uint64_t id, const char* name, int urls) {
    command::Command command;
    command.mutable_publish()->set_id(id);
    command.mutable_publish()->set_name(name);
    for (int i = 0; i < urls; ++i) command.mutable_publish()->add_client_urls("http://");
    return store.apply(command).code;
  };
  store.machine->follow({{1, {1, "", {}, {}}}});
  EXPECT_EQ(publish(1, "12345678", 1), Code::ok);
  EXPECT_EQ(publish(1, "123456789", 1), Code::invalid_argument);
  EXPECT_EQ(publish(1, "1", 2), Code::invalid_argument);
  EXPECT_EQ(publish(1, "1", 0), Code::ok);
  command::Command keyed;
  *keyed.mutable_put() = put_request("a", "1");
  keyed.set_idempotency_key("kk");
  EXPECT_EQ(store.apply(keyed).code, Code::invalid_argument);
  keyed.set_idempotency_key("k");
  EXPECT_EQ(store.apply(keyed).code, Code::ok);
}

TEST(StateHash, EveryKindOfChangeChangesIt) {
  Harness store, same;
  std::set<std::uint64_t> seen = {store.machine->state_hash()};
  const auto changes = [&](const command::Command& command) {
    store.apply(command);
    same.idle();  // only the index moves
    EXPECT_TRUE(seen.insert(store.machine->state_hash()).second);
    EXPECT_NE(store.machine->state_hash(), same.machine->state_hash());
    Harness again(loaded(saved(*store.view())));
    EXPECT_EQ(again.machine->state_hash(), store.machine->state_hash());
  };
  command::Command command;
  *command.mutable_put() = put_request("a", "1");
  changes(command);
  changes(command);
  command.set_idempotency_key("k");
  changes(command);
  *command.mutable_delete_range() = delete_request("a");
  command.clear_idempotency_key();
  changes(command);
  command.mutable_compaction()->set_revision(4);
  changes(command);
  store.machine->follow({{7, {7, "n7", {"http://n7"}, {}}}});
  changes({});
  command.mutable_publish()->set_id(7);
  changes(command);
  command.mutable_publish()->add_client_urls("http://x");
  changes(command);
}

// One bit of a value changes in memory: the next write of that key tells, and so does the next start.
TEST(StateHash, DamageInMemoryShows) {
  Storage healthy({}), damaged({});
  const auto put = [](Storage* storage, std::string_view key, std::string_view value) {
    storage->epochs.begin(++storage->applied_index);
    storage->store.begin_write();
    storage->store.put(key, value, 0);
    storage->store.end_write();
  };
  for (Storage* each : {&healthy, &damaged}) put(each, "a", "value");
  const_cast<char*>(damaged.store.find("a")->value().data())[2] ^= 0x10;
  EXPECT_EQ(damaged.state_hash(), healthy.state_hash()) << "nothing has looked yet";
  StringSink sink;
  ASSERT_TRUE(save_contents(damaged.contents(), {}, &sink).has_value());
  StringSource source(sink.text);
  const auto refused = StateMachine::load(&source);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::data_loss);
  EXPECT_NE(refused.error().message.find("E_STATE_DAMAGED"), std::string::npos) << refused.error().message;
  for (Storage* each : {&healthy, &damaged}) put(each, "a", "other");
  EXPECT_NE(damaged.state_hash(), healthy.state_hash());
}

// As format version 2 was written: sections without names, versions and lengths.
TEST(Load, ReadsTheVersionBefore) {
  std::ifstream file(std::string(test::kSourceDir) + "/src/mvcc/testdata/state_2", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_EQ(bytes.size(), 954U);
  Harness store(loaded(bytes));
  EXPECT_EQ(store.machine->state_hash(), 10604708426078091745U) << "of the member that saved it";
  EXPECT_EQ(store.keys(range_request("a", "{")), "k0 k2 k3 k4 z");
  EXPECT_EQ(store.view()->members().at(1).peer_urls.at(0), "http://127.0.0.1:2380");
  command::Command keyed;
  *keyed.mutable_put() = put_request("z", "1");
  keyed.set_idempotency_key("session");
  EXPECT_EQ(store.apply(keyed).code, Code::ok) << "remembered";
  EXPECT_EQ(store.get("z").kvs(0).version(), 1);
  keyed.mutable_put()->set_lease(9);
  keyed.set_idempotency_key("refused");
  EXPECT_EQ(store.apply(keyed).reason, Reason::lease_not_found);
  EXPECT_EQ(Harness(loaded(saved(*store.view()))).view()->hash(), store.view()->hash());
}

// The saved state with its checksum made right again, so that only what it says can be wrong.
std::string sealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  codec::put_fixed(&bytes, std::uint64_t{XXH3_64bits(bytes.data(), bytes.size())});
  return bytes;
}

std::string refusal_of(const std::string& bytes) {
  StringSource source(sealed(bytes));
  const auto machine = StateMachine::load(&source);
  if (machine) return "loaded";
  EXPECT_EQ(machine.error().code, Code::data_loss);
  return machine.error().message;
}

std::string head_of_section(std::string_view name, std::uint32_t version) {
  std::string head;
  codec::put_fixed(&head, static_cast<std::uint32_t>(name.size()));
  head.append(name);
  codec::put_fixed(&head, version);
  return head;
}

TEST(Load, ASectionThatIsNotKnownIsNamed) {
  const std::string bytes = sample_state();
  EXPECT_EQ(refusal_of(bytes), "loaded");
  const auto refused_with = [&](std::string_view was, const std::string& is) {
    std::string changed = bytes;
    const std::size_t at = changed.find(was);
    EXPECT_NE(at, std::string::npos);
    return refusal_of(changed.replace(at, was.size(), is));
  };
  const std::string keys = head_of_section("keys", 1);
  EXPECT_NE(refused_with(keys, head_of_section("keys", 2)).find("section 'keys' of version 2"),
            std::string::npos);
  EXPECT_NE(refused_with(keys, head_of_section("users", 1)).find("section 'users' of version 1"),
            std::string::npos);
  EXPECT_NE(refused_with(keys, head_of_section("sessions", 1)).find("not in its place"), std::string::npos);
  EXPECT_NE(refused_with(keys, head_of_section("Keys", 1)).find("name is none"), std::string::npos);
  EXPECT_NE(refused_with(keys, std::string(4, '\0')).find("no section 'keys'"), std::string::npos);
  // Behind those that are known: u32 end, u64 state's hash, u64 checksum.
  std::string longer = bytes;
  longer.insert(longer.size() - 20, head_of_section("users", 3) + std::string(8, '\0'));
  EXPECT_NE(refusal_of(longer).find("section 'users' of version 3"), std::string::npos);
}

// Frame version 4 knew no users, version 3 no leases and alarms, and neither did whoever made up its hash.
TEST(Load, ReadsAFrameWithoutUsersLeasesAndAlarms) {
  std::string bytes = sample_state();
  const auto erase = [&bytes](const std::string& head, std::size_t content) {
    const std::size_t at = bytes.find(head);
    ASSERT_NE(at, std::string::npos);
    bytes.erase(at, head.size() + content + 8);  // and the length of the section
  };
  constexpr std::size_t kFormatVersion = 8;
  erase(head_of_section("auth", 1), 29);  // enabled, revision, two counts, next login, count
  bytes[kFormatVersion] = 4;
  StringSource older(sealed(bytes));
  const auto without_users = StateMachine::load(&older);
  ASSERT_TRUE(without_users.has_value()) << without_users.error().message;
  EXPECT_EQ(saved(*(*without_users)->view()), sample_state());
  bytes[kFormatVersion] = 5;
  EXPECT_NE(refusal_of(bytes).find("not in its place"), std::string::npos);
  erase(head_of_section("leases", 1), 16);  // next generation, count
  erase(head_of_section("alarms", 1), 4);   // count
  bytes[kFormatVersion] = 3;
  StringSource source(sealed(bytes));
  const auto machine = StateMachine::load(&source);
  ASSERT_TRUE(machine.has_value()) << machine.error().message;
  EXPECT_EQ(saved(*(*machine)->view()), sample_state());
  bytes[kFormatVersion] = 4;
  EXPECT_NE(refusal_of(bytes).find("not in its place"), std::string::npos);
}

TEST(Load, AKeyOfALeaseThatIsNotThereIsRefused) {
  Harness store;
  command::Command granted;
  granted.mutable_lease_grant()->set_id(7);
  granted.mutable_lease_grant()->set_ttl(60);
  store.apply(granted);
  auto put = put_request("a", "1");
  put.set_lease(7);
  store.apply(put);
  std::string bytes = saved(*store.view());
  EXPECT_EQ(refusal_of(bytes), "loaded");
  const std::string lease = head_of_section("leases", 1);
  const std::size_t at = bytes.find(lease) + lease.size() + 16;
  bytes[at] = 8;
  EXPECT_NE(refusal_of(bytes).find("a key of lease 7"), std::string::npos);
  bytes[at] = 0;
  EXPECT_NE(refusal_of(bytes).find("a lease 0 that cannot be"), std::string::npos);
}

TEST(Load, ASectionThatIsNotAsLongAsItSaysIsNamed) {
  std::string bytes = sample_state();
  // The length of the keys stands before the end of the sections, the hash and the checksum.
  const std::size_t at = bytes.size() - 28;
  bytes[at] = static_cast<char>(bytes[at] + 1);
  EXPECT_NE(refusal_of(bytes).find("its section 'keys' has"), std::string::npos);
}

TEST(Load, EveryDamagedByteAndEveryCutIsRefused) {
  const std::string bytes = sample_state();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      StringSource source(std::move(damaged));
      const auto machine = StateMachine::load(&source);
      ASSERT_FALSE(machine.has_value()) << "byte " << i;
      ASSERT_EQ(machine.error().code, Code::data_loss);
    }
    StringSource cut(bytes.substr(0, i));
    ASSERT_FALSE(StateMachine::load(&cut).has_value()) << "cut at " << i;
  }
  StringSource longer(bytes + "x");
  EXPECT_FALSE(StateMachine::load(&longer).has_value());
}

}  // namespace
}  // namespace cairn::mvcc
