// Views under threads, and what loading makes of damaged bytes.
#include <xxhash.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/prng.h"
#include "mvcc/harness_test.h"
#include "mvcc/storage.h"

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
  command::Command publish;
  publish.mutable_publish()->set_id(1);
  publish.mutable_publish()->add_peer_urls("http://127.0.0.1:2380");
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

// Format version 1: sessions by wall clocks, which nobody can tell from forgotten ones. Written as it was
// then.
std::string state_of_version_1() {
  std::string bytes = "CAIRNST\n";
  const auto number = [&bytes](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value),
                 sizeof value);  // little-endian, as all that we run on
  };
  const auto text = [&](std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes.append(value);
  };
  number(std::uint32_t{1});    // version
  number(std::uint64_t{40});   // applied index
  number(std::int64_t{7});     // revision
  number(std::int64_t{-1});    // compact revision
  number(std::uint32_t{0});    // members
  number(std::int64_t{5000});  // sessions' clock
  number(std::uint64_t{2});    // next sequence
  number(std::uint64_t{1});    // sessions
  text("session");
  number(std::uint64_t{1});    // sequence
  number(std::int64_t{4000});  // time
  number(std::uint64_t{17});   // hash of the request
  number(std::uint32_t{0});    // code
  text("");                    // error
  number(std::int64_t{7});     // revision
  text("");                    // body
  text("a");
  number(std::uint8_t{0});   // flags
  number(std::int64_t{7});   // mod revision
  number(std::uint32_t{0});  // place inside it
  number(std::int64_t{7});   // create revision
  number(std::int64_t{1});   // version of the key
  number(std::int64_t{0});   // lease
  text("v");
  text("");  // the end
  number(static_cast<std::uint64_t>(XXH3_64bits(bytes.data(), bytes.size())));
  return bytes;
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
  narrow.members_max = 1;
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
  EXPECT_EQ(publish(1, "12345678", 1), Code::ok);
  EXPECT_EQ(publish(1, "123456789", 1), Code::invalid_argument);
  EXPECT_EQ(publish(1, "1", 2), Code::invalid_argument);
  EXPECT_EQ(publish(2, "2", 0), Code::resource_exhausted);
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

TEST(Load, ReadsTheVersionBefore) {
  Harness store(loaded(state_of_version_1()));
  EXPECT_EQ(store.machine->applied_index(), 40U);
  EXPECT_EQ(store.get("a").kvs(0).value(), "v");
  command::Command keyed;
  *keyed.mutable_put() = put_request("a", "2");
  keyed.set_idempotency_key("session");
  EXPECT_EQ(store.apply(keyed).code, Code::invalid_argument) << "remembered, with another request";
  keyed.set_idempotency_key("new to us");
  keyed.set_idempotency_revision(6);
  EXPECT_EQ(store.apply(keyed).code, Code::failed_precondition) << "or forgotten long ago";
  keyed.set_idempotency_revision(7);
  EXPECT_EQ(store.apply(keyed).code, Code::ok);
  EXPECT_EQ(Harness(loaded(saved(*store.view()))).view()->hash(), store.view()->hash());
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
