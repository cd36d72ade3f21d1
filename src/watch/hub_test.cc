// The hub against what a watch is: all changes of its range from its first revision on, in order, each once,
// those of a revision together, whatever room its stream has and whatever is compacted meanwhile.
#include "watch/hub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "mvcc/harness_fixture.h"

namespace cairn::watch {
namespace {

using mvcc::Harness;
namespace pb = etcdserverpb;

constexpr Time kStart{std::chrono::hours(1)};

// The events field of a response.
std::vector<mvccpb::Event> events_in(std::string_view bytes) {
  pb::WatchResponse response;
  EXPECT_TRUE(response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return {response.events().begin(), response.events().end()};
}

struct Seen {
  bool created = false, canceled = false;
  std::int64_t compact_revision = 0;
  std::vector<mvccpb::Event> events;
  std::int64_t progress = 0;  // the newest that was told
  bool in_fragments = false;
};

// What a client sees, with what must always hold checked as it comes.
struct Client final : Sink {
  bool has_room() override { return room > 0; }
  void send(const Response& response) override {
    room -= room > 0 ? 1 : 0;
    ++responses;
    largest = std::max(largest, response.events.size());
    if (response.watch_id == kNoWatch) {
      EXPECT_TRUE(response.events.empty());
      for (auto& [id, seen] : watches) seen.progress = std::max(seen.progress, response.revision);
      stream_progress = response.revision;
      return;
    }
    Seen& seen = watches[response.watch_id];
    EXPECT_EQ(response.created, !seen.created) << "created first, and once";
    EXPECT_FALSE(seen.canceled) << "nothing after the end";
    seen.created = true;
    seen.canceled = response.canceled;
    seen.compact_revision = response.compact_revision;
    const std::vector<mvccpb::Event> events = events_in(response.events);
    if (events.empty()) {
      EXPECT_FALSE(response.fragment);
      if (!response.created && !response.canceled) seen.progress = response.revision;
      return;
    }
    if (!seen.events.empty() && !seen.in_fragments) {
      EXPECT_LT(seen.events.back().kv().mod_revision(), events.front().kv().mod_revision()) << "atomic";
    }
    seen.in_fragments = response.fragment;
    for (const auto& event : events) {
      EXPECT_GT(event.kv().mod_revision(), seen.progress) << "bookmarkable";
      if (!seen.events.empty()) {
        EXPECT_LE(seen.events.back().kv().mod_revision(), event.kv().mod_revision()) << "ordered";
      }
      EXPECT_LE(event.kv().mod_revision(), response.revision);
      seen.events.push_back(event);
    }
  }
  std::size_t room = 1'000'000;
  std::size_t responses = 0, largest = 0;
  std::int64_t stream_progress = 0;
  std::map<std::int64_t, Seen> watches;
};

void work(Hub* hub) {
  for (int i = 0; hub->work(); ++i) ASSERT_LT(i, 1'000'000);
}

struct HubTest : ::testing::Test {
  void publish() { hub.publish(store.view()); }
  void settle() {
    publish();
    work(&hub);
  }
  Harness store;
  Hub hub{Limits{}};
  Client client;
};

TEST_F(HubTest, AWatchIsCreatedAndSeesWhatComes) {
  publish();
  Stream stream(&hub, &client, kStart);
  EXPECT_EQ(stream.create({.key = "a"}), Refused::no);
  EXPECT_TRUE(client.watches[0].created);
  store.put("a", "1");
  store.put("b", "2");
  store.erase("a");
  settle();
  ASSERT_EQ(client.watches[0].events.size(), 2u);
  EXPECT_EQ(client.watches[0].events[0].ShortDebugString(),
            R"(kv { key: "a" create_revision: 2 mod_revision: 2 version: 1 value: "1" })");
  EXPECT_EQ(client.watches[0].events[1].ShortDebugString(),
            R"(type: DELETE kv { key: "a" mod_revision: 4 })");
  EXPECT_EQ(client.responses, 2u) << "what is published together comes together";
}

TEST_F(HubTest, WhatEtcdRefuses) {
  publish();
  Stream stream(&hub, &client, kStart);
  EXPECT_EQ(stream.create({.key = "b", .range_end = "a"}), Refused::empty_range);
  EXPECT_EQ(stream.create({.key = "b", .range_end = "b"}), Refused::empty_range);
  EXPECT_EQ(stream.create({.key = "b", .start_revision = -1}), Refused::negative_start);
  EXPECT_EQ(stream.create({.key = "b", .watch_id = 7}), Refused::no);
  EXPECT_EQ(stream.create({.key = "b", .watch_id = 7}), Refused::duplicate_id);
  EXPECT_EQ(client.responses, 1u);
}

TEST_F(HubTest, IdsAreChosenFromNoughtAndSkipThoseInUse) {
  publish();
  Stream stream(&hub, &client, kStart);
  for (const std::int64_t chosen : {0, 2, 0, 0}) stream.create({.key = "a", .watch_id = chosen});
  std::vector<std::int64_t> ids;
  for (const auto& [id, seen] : client.watches) ids.push_back(id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST_F(HubTest, WatchesAreLimited) {
  Hub few{Limits{.stream_watches_max = 2, .watches_max = 3}};
  few.publish(store.view());
  Stream one(&few, &client, kStart), other(&few, &client, kStart);
  EXPECT_EQ(one.create({.key = "a", .watch_id = 1}), Refused::no);
  EXPECT_EQ(one.create({.key = "a", .watch_id = 2}), Refused::no);
  EXPECT_EQ(one.create({.key = "a", .watch_id = 3}), Refused::too_many);
  EXPECT_EQ(other.create({.key = "a", .watch_id = 4}), Refused::no);
  EXPECT_EQ(other.create({.key = "a", .watch_id = 5}), Refused::too_many);
  one.cancel(1);
  EXPECT_EQ(other.create({.key = "a", .watch_id = 5}), Refused::no);
}

TEST_F(HubTest, TheBytesOfTheirKeysAreLimited) {
  Hub few{Limits{.key_bytes_max = 10}};
  few.publish(store.view());
  Stream stream(&few, &client, kStart);
  EXPECT_EQ(stream.create({.key = "12345", .range_end = "2345"}), Refused::no);
  EXPECT_EQ(stream.create({.key = "ab"}), Refused::too_many);
  EXPECT_EQ(stream.create({.key = "a"}), Refused::no);
  stream.cancel(0);
  EXPECT_EQ(stream.create({.key = "123456789"}), Refused::no);
  EXPECT_EQ(stream.create({.key = "a"}), Refused::too_many);
}

TEST_F(HubTest, TheCompactedEndsAndTheCompactRevisionItselfDoesNot) {
  for (int i = 0; i < 5; ++i) store.put("a", std::to_string(i));
  store.compact(4);
  publish();
  Stream stream(&hub, &client, kStart);
  stream.create({.key = "a", .start_revision = 3});
  stream.create({.key = "a", .start_revision = 4});
  work(&hub);
  EXPECT_TRUE(client.watches[0].canceled);
  EXPECT_EQ(client.watches[0].compact_revision, 4);
  EXPECT_FALSE(client.watches[1].canceled);
  EXPECT_EQ(client.watches[1].events.size(), 3u);
  EXPECT_EQ(hub.watches(), 1u);
}

TEST_F(HubTest, AStateThatHasCompactedWhatNobodyWasToldOfEndsAWatch) {
  publish();
  Stream stream(&hub, &client, kStart);
  stream.create({.key = "a"});
  for (int i = 0; i < 3; ++i) store.put("a", std::to_string(i));
  store.compact(4);
  settle();
  EXPECT_TRUE(client.watches[0].canceled);
  EXPECT_EQ(client.watches[0].compact_revision, 4);
}

TEST_F(HubTest, AStateThatWasPublishedIsToldOfBeforeOneThatHasCompactedIt) {
  Hub few{Limits{.states_kept = 2}};
  few.publish(store.view());
  Stream stream(&few, &client, kStart);
  stream.create({.key = "a"});
  for (int i = 0; i < 3; ++i) {
    store.put("a", std::to_string(i));
    few.publish(store.view());
    store.compact(store.view()->revision());
    few.publish(store.view());
  }
  work(&few);
  EXPECT_FALSE(client.watches[0].canceled) << "two states were kept, and the newest of them is the last";
  EXPECT_EQ(client.watches[0].events.size(), 3u);
}

TEST_F(HubTest, AFutureStartSeesNothingBefore) {
  publish();
  Stream stream(&hub, &client, kStart);
  stream.create({.key = "a", .start_revision = 4, .progress = true});
  stream.ask_progress();
  for (int i = 0; i < 5; ++i) {
    store.put("a", std::to_string(i));
    hub.tell_progress(kStart + (i + 1) * std::chrono::hours(1));
    settle();
    if (i == 0) {
      EXPECT_EQ(client.responses, 1u);
    }
  }
  ASSERT_EQ(client.watches[0].events.size(), 3u);
  EXPECT_EQ(client.watches[0].events[0].kv().mod_revision(), 4);
}

TEST_F(HubTest, ProgressIsToldOfQuietWatchesOnly) {
  publish();
  Stream stream(&hub, &client, kStart);
  stream.create({.key = "a", .progress = true});
  stream.create({.key = "b", .progress = true});
  stream.create({.key = "c"});
  const auto interval = std::chrono::minutes(11);
  hub.tell_progress(kStart + interval);  // from now on
  EXPECT_EQ(client.responses, 3u);
  store.put("a", "1");
  settle();
  hub.tell_progress(kStart + 2 * interval);
  EXPECT_EQ(client.watches[0].progress, 0);
  EXPECT_EQ(client.watches[1].progress, 2);
  EXPECT_EQ(client.watches[2].progress, 0);
  hub.tell_progress(kStart + 3 * interval);
  EXPECT_EQ(client.watches[0].progress, 2);
  EXPECT_GE(*hub.progress_at(), kStart + 4 * interval - std::chrono::minutes(1));
}

TEST_F(HubTest, ProgressIsAnsweredAfterTheEventsBeforeIt) {
  publish();
  Stream stream(&hub, &client, kStart);
  stream.create({.key = "a"});
  client.room = 0;
  store.put("a", "1");
  settle();
  stream.ask_progress();
  work(&hub);
  EXPECT_EQ(client.stream_progress, 0);
  client.room = 10;
  stream.on_room();
  work(&hub);
  EXPECT_EQ(client.watches[0].events.size(), 1u);
  EXPECT_EQ(client.stream_progress, 2);
}

TEST_F(HubTest, ALargeRevisionComesInFragmentsWhereTheyAreTaken) {
  Hub small{Limits{.fragment_bytes = 100}};
  small.publish(store.view());
  Stream stream(&small, &client, kStart);
  stream.create({.key = "a", .range_end = "b", .wants = {.fragments = true}});
  stream.create({.key = "a", .range_end = "b"});
  pb::TxnRequest txn;
  for (int i = 0; i < 10; ++i)
    *txn.add_success()->mutable_request_put() =
        mvcc::put_request("a" + std::to_string(i), std::string(30, 'x'));
  store.apply(txn);
  small.publish(store.view());
  work(&small);
  EXPECT_EQ(client.watches[0].events.size(), 10u);
  EXPECT_EQ(client.watches[1].events.size(), 10u);
  EXPECT_EQ(client.responses, 2u + 5u + 1u);
}

// Not what it is but what it does not do: one stalled watch holds nothing up and keeps nothing.
// Of five that are told one a turn, one leaves that has been told, or has not been.
TEST_F(HubTest, WhoLeavesWhileItsGroupIsToldTakesNobodysTurn) {
  for (std::int64_t leaves = 1; leaves <= 5; ++leaves) {
    Client seer;
    Hub one_a_turn{Limits{.turn_sends = 1}};
    one_a_turn.publish(store.view());
    Stream stream(&one_a_turn, &seer, kStart);
    for (std::int64_t id = 1; id <= 5; ++id) stream.create({.key = "a", .watch_id = id});
    work(&one_a_turn);
    store.put("a", "1");
    one_a_turn.publish(store.view());
    const auto told = [&seer] {
      return std::count_if(seer.watches.begin(), seer.watches.end(),
                           [](const auto& each) { return each.second.events.size() == 1; });
    };
    while (told() < 2) ASSERT_TRUE(one_a_turn.work());
    stream.cancel(leaves);
    work(&one_a_turn);
    for (const auto& [id, seen] : seer.watches) {
      if (id == leaves) continue;
      EXPECT_EQ(seen.events.size(), 1U) << id << ", when " << leaves << " left";
    }
  }
}

TEST_F(HubTest, WhoDoesNotReadHoldsNobodyUp) {
  publish();
  Client slow;
  Stream stream(&hub, &client, kStart), stalled(&hub, &slow, kStart);
  stream.create({.key = "a"});
  stalled.create({.key = "a"});
  slow.room = 1;
  for (int i = 0; i < 1000; ++i) {
    store.put("a", std::to_string(i));
    settle();
  }
  EXPECT_EQ(client.watches[0].events.size(), 1000u);
  EXPECT_EQ(slow.watches[0].events.size(), 1u);
  EXPECT_FALSE(hub.has_work());
  slow.room = 100;
  stalled.on_room();
  work(&hub);
  EXPECT_EQ(slow.watches[0].events.size(), 1000u);
  EXPECT_LE(slow.responses, 4u);
}

// ---- whatever happens ----

struct Expected {
  Request request;
  std::int64_t from = 0;  // the first revision it is to see
  std::size_t client = 0;
};

bool concerns(const Request& request, const mvccpb::Event& event) {
  const std::string& key = event.kv().key();
  const bool is_open = request.range_end == std::string(1, '\0');
  const bool inside = request.range_end.empty() ? key == request.key
                                                : key >= request.key && (is_open || key < request.range_end);
  return inside && (event.type() == mvccpb::Event::PUT ? request.wants.puts : request.wants.deletes);
}

class World {
 public:
  explicit World(std::uint64_t seed)
      : random_(seed),
        hub_(Limits{.turn_changes = one_of({1, 5, 4096}),
                    .turn_bytes = one_of({1, 200, 1 << 20}),
                    .turn_sends = one_of({1, 2, 2000}),
                    .fragment_bytes = one_of({1, 100, 2 << 20}),
                    .progress_interval = std::chrono::seconds(random_.between(1, 100))}) {
    hub_.publish(store_.view());
    for (std::size_t i = 0; i < 3; ++i) {
      clients_.push_back(std::make_unique<Client>());
      streams_.push_back(std::make_unique<Stream>(&hub_, clients_.back().get(), now_));
    }
  }

  void step() {
    const std::size_t at = random_.below(3);
    Client& client = *clients_[at];
    Stream& stream = *streams_[at];
    now_ += std::chrono::milliseconds(random_.below(2000));
    switch (random_.below(12)) {
      case 0:
        return create(at);
      case 1:
        if (!expected_.empty() && random_.chance(1, 4)) cancel();
        return;
      case 2:
        return stream.ask_progress();
      case 3:
        client.room = random_.below(4);
        return;
      case 4:
        client.room += 3;
        return stream.on_room();
      case 5:
        return hub_.tell_progress(now_);
      case 6:
        hub_.publish(store_.view());
        return;
      case 7:
        if (random_.chance(1, 5)) compact();
        return;
      case 8:
        static_cast<void>(hub_.work());
        return;
      default:
        return change();
    }
  }

  void finish() {
    hub_.publish(store_.view());
    for (std::size_t at = 0; at < 3; ++at) {
      clients_[at]->room = 1'000'000;
      streams_[at]->on_room();
      streams_[at]->ask_progress();
    }
    work(&hub_);
    for (const auto& [id, expected] : expected_) check(id, expected);
    for (std::size_t at = 0; at < 3; ++at) {
      const bool any = std::any_of(expected_.begin(), expected_.end(), [&](const auto& each) {
        const bool is_its = each.second.client == at && each.second.from <= hub_.revision() + 1;
        return is_its && !clients_[at]->watches.at(each.first).canceled;
      });
      EXPECT_EQ(clients_[at]->stream_progress == hub_.revision(), any);
    }
  }

 private:
  std::size_t one_of(std::initializer_list<std::size_t> values) {
    return values.begin()[random_.below(values.size())];
  }
  std::string key() { return std::string(1, static_cast<char>('a' + random_.below(6))); }

  void create(std::size_t at) {
    Request request;
    request.key = key();
    if (random_.chance(1, 2)) request.range_end = random_.chance(1, 3) ? std::string(1, '\0') : "f";
    const auto newest = static_cast<std::uint64_t>(hub_.revision());
    if (random_.chance(2, 3))
      request.start_revision = static_cast<std::int64_t>(random_.between(1, newest + 10));
    request.watch_id = ++ids_;
    request.wants = {!random_.chance(1, 5), !random_.chance(1, 5), random_.chance(1, 2),
                     random_.chance(1, 2)};
    request.progress = random_.chance(1, 2);
    const std::int64_t from = request.start_revision == 0 ? hub_.revision() + 1 : request.start_revision;
    clients_[at]->watches[request.watch_id];
    if (streams_[at]->create(request) != Refused::no) {
      EXPECT_TRUE(!request.range_end.empty() && request.range_end <= request.key);
      return;
    }
    expected_[request.watch_id] = {request, from, at};
  }

  void cancel() {
    const auto found =
        std::next(expected_.begin(), static_cast<std::ptrdiff_t>(random_.below(expected_.size())));
    Seen& seen = clients_[found->second.client]->watches.at(found->first);
    const bool was_canceled = seen.canceled;
    streams_[found->second.client]->cancel(found->first);
    EXPECT_TRUE(seen.canceled);
    if (!was_canceled) {
      EXPECT_EQ(seen.compact_revision, 0);
    }
    expected_.erase(found);
  }

  void change() {
    pb::TxnRequest txn;
    std::set<std::string> used;
    for (std::uint64_t left = random_.between(1, 3); left > 0; --left) {
      const std::string chosen = key();
      if (!used.insert(chosen).second) continue;
      if (random_.chance(1, 3))
        *txn.add_success()->mutable_request_delete_range() = mvcc::delete_request(chosen);
      else
        *txn.add_success()->mutable_request_put() = mvcc::put_request(chosen, std::to_string(++values_));
    }
    const std::map<std::string, mvccpb::KeyValue> before = all_;
    store_.apply(txn);
    all_.clear();
    const pb::RangeResponse now = store_.get("a", std::string(1, '\0'));
    for (const auto& kv : now.kvs()) all_[kv.key()] = kv;
    const std::int64_t revision = store_.view()->revision();
    for (const auto& operation : txn.success()) {
      const bool is_put = operation.has_request_put();
      const std::string& changed =
          is_put ? operation.request_put().key() : operation.request_delete_range().key();
      const auto old = before.find(changed);
      if (!is_put && old == before.end()) continue;
      mvccpb::Event event;
      if (is_put) {
        *event.mutable_kv() = all_.at(changed);
      } else {
        event.set_type(mvccpb::Event::DELETE);
        event.mutable_kv()->set_key(changed);
        event.mutable_kv()->set_mod_revision(revision);
      }
      if (old != before.end()) *event.mutable_prev_kv() = old->second;
      history_.push_back(event);
    }
  }

  void compact() {
    const std::int64_t newest = store_.view()->revision();
    const std::int64_t oldest = std::max<std::int64_t>(0, store_.view()->compact_revision());
    if (newest <= oldest) return;
    store_.compact(
        oldest + static_cast<std::int64_t>(random_.between(1, static_cast<std::uint64_t>(newest - oldest))));
  }

  void check(std::int64_t id, const Expected& expected) {
    const Seen& seen = clients_[expected.client]->watches.at(id);
    std::vector<std::string> want, have;
    for (mvccpb::Event event : history_) {
      if (event.kv().mod_revision() < expected.from || !concerns(expected.request, event)) continue;
      want.push_back(text(event, expected.request.wants.previous));
    }
    for (const auto& event : seen.events) have.push_back(text(event, expected.request.wants.previous));
    if (seen.canceled) {
      EXPECT_GT(seen.compact_revision, expected.from);
      ASSERT_LE(have.size(), want.size());
      want.resize(have.size());
    }
    // What was before a change may have been compacted by then.
    for (std::size_t i = 0; i < have.size() && i < want.size(); ++i)
      if (want[i].starts_with(have[i])) want[i].resize(have[i].size());
    EXPECT_EQ(have, want) << "watch " << id;
  }

  static std::string text(mvccpb::Event event, bool with_previous) {
    if (!with_previous) event.clear_prev_kv();
    return event.ShortDebugString();
  }

  Prng random_;
  Time now_ = kStart;
  Harness store_;
  Hub hub_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::map<std::int64_t, Expected> expected_;
  std::map<std::string, mvccpb::KeyValue> all_;
  std::vector<mvccpb::Event> history_;
  std::int64_t ids_ = 0, values_ = 0;
};

TEST(HubWorld, EveryWatchSeesItsChangesWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int i = 0; i < 400; ++i) world.step();
    world.finish();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST_F(HubTest, FindsTheWatchesOfARange) {
  publish();
  Stream stream(&hub, &client, kStart);
  ASSERT_EQ(stream.create({.key = "b", .watch_id = 7}), Refused::no);
  ASSERT_EQ(stream.create({.key = "a", .range_end = "c", .watch_id = 3}), Refused::no);
  ASSERT_EQ(stream.create({.key = "a", .range_end = std::string(1, '\0'), .watch_id = 5}), Refused::no);
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(stream.find([](const Range&) { return true; }), (Ids{3, 5, 7}));
  EXPECT_EQ(stream.find([](const Range& range) { return range.is_open(); }), Ids{5});
  EXPECT_EQ(stream.find([](const Range& range) { return range.end.empty(); }), Ids{7});
}

}  // namespace
}  // namespace cairn::watch
