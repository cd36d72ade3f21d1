// A state as etcd's file and back; test/e2e/backup_test.py has etcd itself read and write them.
#include "mvcc/etcd_file.h"

#include <cstring>
#include <map>
#include <sstream>

#include "base/prng.h"
#include "etcd/reasons.h"
#include "mvcc/changes.h"
#include "mvcc/etcd_import.h"
#include "mvcc/harness_fixture.h"
#include "mvcc/stored_form.h"

namespace cairn::mvcc {
namespace {

struct FileBytes final : bbolt::Bytes {
  explicit FileBytes(std::string given) : text(std::move(given)) {}
  std::uint64_t size() const override { return text.size(); }
  Status read(std::uint64_t offset, std::span<char> into) override {
    std::memcpy(into.data(), text.data() + offset, into.size());
    return {};
  }
  std::string text;
};

std::string file_of(const View& view, std::size_t piece = 1 << 20) {
  const std::unique_ptr<LongMessage> file = view.etcd_file();
  while (!file->measure()) {
  }
  std::string bytes;
  while (!file->finished()) {
    const std::size_t before = bytes.size();
    file->read(piece, &bytes);
    EXPECT_LE(bytes.size() - before, piece);
  }
  EXPECT_EQ(bytes.size(), file->size_bytes());
  return bytes;
}

Result<std::string> imported(const std::string& file, const ImportChoice& choice = {},
                             EtcdFileFacts* facts = nullptr, LaterRecords* later = nullptr) {
  FileBytes bytes(file);
  StringSink sink;
  const EtcdFileFacts found = TRY(import_etcd_file(&bytes, choice, {}, &sink, later));
  if (facts != nullptr) *facts = found;
  return sink.text;
}

std::string refusal(const std::string& file) {
  const auto state = imported(file);
  return state ? "" : state.error().message;
}

std::uint32_t hash_of(const View& view, std::int64_t revision = 0) {
  RangeAnswer answer = view.hash_kv(revision);
  while (!answer.large->measure()) {
  }
  std::string bytes;
  answer.large->read(100, &bytes);
  pb::HashKVResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response.hash();
}

// Every change that is kept, with all its numbers.
std::string changes_of(const View& view) {
  std::string text;
  const std::int64_t from = std::max<std::int64_t>(view.compact_revision(), 1);
  for (Changes changes = view.changes({from, 0}); changes.get() != nullptr; changes.next()) {
    const Record& record = *changes.get();
    for (const std::int64_t number :
         {record.mod_revision(), std::int64_t{record.sub()}, record.create_revision(), record.version(),
          record.lease(), std::int64_t{record.tombstone()}})
      text += std::to_string(number) + " ";
    text += std::string(record.key()) + "=" + std::string(record.value()) + "\n";
  }
  return text;
}

void grant(Harness* store, std::int64_t id) {
  command::Command command;
  command.mutable_lease_grant()->set_id(id);
  command.mutable_lease_grant()->set_ttl(100 + id);
  EXPECT_EQ(store->apply(command).code, Code::ok);
}

void live_a_while(Prng* random, Harness* store, bool compacts = true) {
  for (std::uint64_t n = 1 + random->below(120); n > 0; --n) {
    pb::TxnRequest txn;
    std::map<std::string, bool> touched;
    for (std::uint64_t each = 1 + random->below(3); each > 0; --each) {
      const std::string key = "k" + std::to_string(random->below(9));
      if (!touched.insert({key, true}).second) continue;
      if (random->below(3) == 0) {
        *txn.add_success()->mutable_request_delete_range() = delete_request(key);
        continue;
      }
      pb::PutRequest put =
          put_request(key, std::string(random->below(random->below(20) == 0 ? 9000 : 40), 'v'));
      if (random->below(3) == 0) put.set_lease(1 + static_cast<std::int64_t>(random->below(3)));
      *txn.add_success()->mutable_request_put() = put;
    }
    store->apply(txn);
    const auto revision = static_cast<std::uint64_t>(store->view()->revision());
    if (compacts && random->below(20) == 0)
      (void)store->compact(1 + static_cast<std::int64_t>(random->below(revision)));
  }
}

// All that a view has from a revision on, as a watch would have told of it.
struct Later final : LaterRecords {
  Later(const View& view, std::int64_t from) {
    for (Changes changes = view.changes({from, 0}); changes.get() != nullptr; changes.next()) {
      const Record& record = *changes.get();
      std::string key, before, after;
      put_revision_key(record.mod_revision(), record.sub(), record.tombstone(), &key);
      put_stored_around(record, &before, &after);
      records.emplace_back(key, before + std::string(record.value()) + after);
    }
  }
  Status each(const bbolt::OnPair& on_record,
              const std::function<void(std::int64_t lease, std::int64_t ttl_s)>& on_lease) override {
    for (const auto& [lease, ttl_s] : leases) on_lease(lease, ttl_s);
    for (const auto& [key, value] : records) TRY(on_record(key, value));
    return {};
  }
  std::vector<std::pair<std::string, std::string>> records;
  std::map<std::int64_t, std::int64_t> leases;
};

TEST(EtcdFile, IsBroughtToAnyRevisionBehindItByWhatWasWrittenSince) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng random(seed);
    Harness store;
    for (std::int64_t id = 1; id <= 3; ++id) grant(&store, id);
    live_a_while(&random, &store);
    const std::string file = file_of(*store.view());
    const std::int64_t taken = store.view()->revision();
    live_a_while(&random, &store, false);
    const auto view = store.view();
    // Some that the file has are told once more.
    Later later(*view, std::max<std::int64_t>({taken - 2, view->compact_revision(), 1}));
    for (std::int64_t revision = taken; revision <= view->revision(); ++revision) {
      EtcdFileFacts facts;
      const auto state = imported(file, {.revision = revision}, &facts, &later);
      ASSERT_TRUE(state.has_value()) << seed << ": " << state.error().message;
      EXPECT_EQ(facts.revision, revision);
      const Harness again(loaded(*state));
      EXPECT_EQ(hash_of(*again.view(), revision), hash_of(*view, revision)) << seed << " at " << revision;
      if (revision == view->revision() && view->key_count() > 0) {
        EXPECT_EQ(changes_of(*again.view()), changes_of(*view)) << seed;
      }
    }
  }
}

// A file with k at its version 1, and what two more writes to it are.
struct Followed {
  Followed() {
    put();
    file = file_of(*store.view());
    put(7);
    put(8);
    later.emplace(*store.view(), 3);
  }
  void put(std::int64_t lease = 0) {
    pb::PutRequest request = put_request("k", "v");
    request.set_lease(lease);
    if (lease != 0) grant(&store, lease);
    pb::TxnRequest txn;
    *txn.add_success()->mutable_request_put() = request;
    store.apply(txn);
  }
  Harness store;
  std::string file;
  std::optional<Later> later;
};

TEST(EtcdFile, WhatDoesNotFollowFromItIsRefused) {
  Followed followed;
  auto& records = followed.later->records;
  ASSERT_EQ(records.size(), 2U);
  std::swap(records[0].second, records[1].second);
  EXPECT_NE(imported(followed.file, {}, nullptr, &*followed.later).error().message.find("contradict"),
            std::string::npos);
  std::swap(records[0].second, records[1].second);
  records.erase(records.begin());
  EXPECT_NE(
      imported(followed.file, {}, nullptr, &*followed.later).error().message.find("revisions 3 to 3 are"),
      std::string::npos);
  // Of another history: there the key had been deleted, or never been.
  Followed other;
  other.put();
  Later another(*other.store.view(), 3);
  another.records[0].second = other.later->records[1].second;
  another.records[0].first.clear();
  put_revision_key(3, 0, true, &another.records[0].first);
  const auto refused = imported(followed.file, {}, nullptr, &another);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("change of revision 4.0 does not fit"), std::string::npos)
      << refused.error().message;
}

TEST(EtcdFile, LeasesThatItDoesNotKnowAreAsLongAsWasSeen) {
  Followed followed;
  for (const bool is_known : {false, true}) {
    if (is_known) followed.later->leases = {{8, 500}, {9, 700}};
    const auto state = imported(followed.file, {.revision = 4}, nullptr, &*followed.later);
    ASSERT_TRUE(state.has_value()) << state.error().message;
    const Harness again(loaded(*state));
    EXPECT_EQ(again.view()->lease_count(), 1U) << "only those that have keys";
    EXPECT_EQ(again.view()->lease(8)->ttl_s, is_known ? 500 : kEndedLeaseTtlS);
  }
}

TEST(EtcdFile, ComesBackWithAllThatIsKept) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng random(seed);
    Limits limits;
    limits.step.range_records = 1 + random.below(7);
    Harness store(limits);
    for (std::int64_t id = 1; id <= 3; ++id) grant(&store, id);
    live_a_while(&random, &store);
    const auto view = store.view();
    EtcdFileFacts facts;
    const std::string file = file_of(*view, 1 + random.below(5000));
    const auto state = imported(file, {}, &facts);
    ASSERT_TRUE(state.has_value()) << seed << ": " << state.error().message;
    const Harness again(loaded(*state));
    const auto copy = again.view();
    EXPECT_EQ(copy->revision(), view->revision());
    EXPECT_EQ(copy->compact_revision(), view->compact_revision());
    EXPECT_EQ(copy->key_count(), view->key_count());
    EXPECT_EQ(copy->lease_count(), 3U);
    EXPECT_EQ(hash_of(*copy), hash_of(*view)) << seed;
    if (view->key_count() > 0) {
      EXPECT_EQ(changes_of(*copy), changes_of(*view)) << seed;
    }
    for (std::int64_t id = 1; id <= 3; ++id) {
      std::string keys, copied;
      view->lease_keys(id, [&](std::string_view key) { return keys += key, true; });
      copy->lease_keys(id, [&](std::string_view key) { return copied += key, true; });
      EXPECT_EQ(copied, keys);
      EXPECT_EQ(copy->lease(id)->ttl_s, 100 + id);
    }
    EXPECT_EQ(imported(file_of(*copy)).value(), *state) << seed;  // all alike, whoever restores
    FileBytes bytes(file);
    const EtcdFileFacts seen = facts_of(&bytes).value();
    EXPECT_EQ(seen.keys, view->key_count());
    EXPECT_EQ(seen.revision, view->revision());
    EXPECT_EQ(seen.records, facts.records);
  }
}

TEST(EtcdFile, IsOfManyPagesAndLargeValues) {
  Harness store;
  for (int i = 0; i < 3000; ++i)
    store.put("key" + std::to_string(i), std::string(i % 500 == 0 ? 100'000 : 50, 'x'));
  const std::string file = file_of(*store.view(), 32 << 10);
  const Harness again(loaded(imported(file).value()));
  EXPECT_EQ(changes_of(*again.view()), changes_of(*store.view()));
}

TEST(EtcdFile, WatchesOfBeforeABumpBeginAnew) {
  Harness store;
  for (int i = 0; i < 5; ++i) store.put("k", std::to_string(i));
  store.put("gone", "");
  store.erase("gone");
  const auto state = imported(file_of(*store.view()), {.bump_revision = 1000});
  Harness again(loaded(state.value()));
  EXPECT_EQ(again.view()->revision(), 1008);
  EXPECT_EQ(again.view()->compact_revision(), 1008);
  EXPECT_TRUE(again.view()->changes({1007, 0}).compacted());
  EXPECT_EQ(again.get("k").kvs(0).value(), "4");
  EXPECT_EQ(again.get("k").kvs(0).version(), 5);
  again.put("k", "new");
  EXPECT_EQ(again.get("k").kvs(0).mod_revision(), 1009);
  EXPECT_EQ(again.get("k").kvs(0).version(), 6);
  const auto huge = imported(file_of(*store.view()), {.bump_revision = std::int64_t{1} << 62});
  EXPECT_EQ(huge.error().code, Code::invalid_argument);
}

// Those of changes_of() up to that revision.
std::string changes_until(const std::string& changes, std::int64_t revision) {
  std::string text;
  std::istringstream lines(changes);
  for (std::string line; std::getline(lines, line);)
    if (std::stoll(line) <= revision) text += line + "\n";
  return text;
}

TEST(EtcdFile, GoesBackToAnyRevisionThatItHas) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Prng random(seed);
    Harness store;
    for (std::int64_t id = 1; id <= 3; ++id) grant(&store, id);
    live_a_while(&random, &store);
    const auto view = store.view();
    const std::string file = file_of(*view), changes = changes_of(*view);
    const std::int64_t first = std::max<std::int64_t>(view->compact_revision(), 1), last = view->revision();
    for (std::int64_t revision = first; revision <= last; ++revision) {
      EtcdFileFacts facts;
      const auto state = imported(file, {.revision = revision}, &facts);
      ASSERT_TRUE(state.has_value()) << seed << ": " << state.error().message;
      const Harness again(loaded(*state));
      const auto copy = again.view();
      EXPECT_EQ(copy->revision(), revision);
      EXPECT_EQ(facts.revision, revision);
      EXPECT_EQ(copy->compact_revision(), view->compact_revision());
      if (copy->key_count() == 0) continue;
      EXPECT_EQ(changes_of(*copy), changes_until(changes, revision)) << seed << " at " << revision;
      EXPECT_EQ(hash_of(*copy, revision), hash_of(*view, revision)) << seed << " at " << revision;
    }
    for (const std::int64_t none : {first - 1, last + 1}) {
      if (none == 0) continue;
      const auto state = imported(file, {.revision = none});
      ASSERT_FALSE(state.has_value());
      EXPECT_EQ(state.error().code, Code::invalid_argument);
      EXPECT_NE(state.error().message.find(std::to_string(first) + " to " + std::to_string(last)),
                std::string::npos)
          << state.error().message;
    }
  }
}

TEST(EtcdFile, LeasesThatHaveEndedSinceAreThereAgainForAMoment) {
  Harness store;
  grant(&store, 5);
  grant(&store, 6);
  pb::PutRequest put = put_request("ended", "v");
  put.set_lease(5);
  store.apply(put);
  put = put_request("lasting", "v");
  put.set_lease(6);
  store.apply(put);
  const std::int64_t revision = store.view()->revision();
  command::Command revoke;
  revoke.mutable_lease_revoke()->set_id(5);
  ASSERT_EQ(store.apply(revoke).code, Code::ok);
  ASSERT_EQ(store.get("ended").kvs_size(), 0);
  const std::string file = file_of(*store.view());
  EtcdFileFacts facts;
  const Harness again(loaded(imported(file, {.revision = revision}, &facts).value()));
  EXPECT_EQ(facts.leases, 2U);
  EXPECT_EQ(facts.keys, 2U);
  EXPECT_EQ(again.get("ended").kvs(0).lease(), 5);
  EXPECT_EQ(again.view()->lease(5)->ttl_s, kEndedLeaseTtlS);
  EXPECT_EQ(again.view()->lease(6)->ttl_s, 106);
  const Harness now(loaded(imported(file, {.revision = store.view()->revision()}).value()));
  EXPECT_EQ(now.view()->lease_count(), 1U);
}

TEST(EtcdFile, ABumpCountsFromTheFilesLastRevision) {
  Harness store;
  for (int i = 0; i < 5; ++i) store.put("k", std::to_string(i));
  const Harness again(
      loaded(imported(file_of(*store.view()), {.bump_revision = 1000, .revision = 3}).value()));
  EXPECT_EQ(again.get("k").kvs(0).value(), "1");
  EXPECT_EQ(again.view()->revision(), store.view()->revision() + 1000) << "clients may have seen all of it";
  EXPECT_EQ(again.view()->compact_revision(), again.view()->revision());
}

TEST(EtcdFile, IdempotencyKeysOfBeforeAreTooOld) {
  Harness store;
  store.put("a", "1");
  store.put("a", "2");
  Harness again(loaded(imported(file_of(*store.view())).value()));
  command::Command command;
  *command.mutable_put() = put_request("a", "3");
  command.set_idempotency_key("once");
  command.set_idempotency_revision(2);
  EXPECT_EQ(again.apply(command).reason, Reason::idempotency_key_too_old);
  command.set_idempotency_revision(3);
  EXPECT_EQ(again.apply(command).code, Code::ok);
}

// Files that no program should write.
struct Written {
  std::map<std::string, std::map<std::string, std::string>> buckets{{"key", {}}, {"meta", {}}};
  void record(std::int64_t revision, const std::string& value, bool tombstone = false) {
    std::string name;
    put_revision_key(revision, 0, tombstone, &name);
    buckets["key"][name] = value;
  }
  static std::string kv(const std::string& key, std::int64_t created, std::int64_t modified,
                        std::int64_t lease = 0) {
    mvccpb::KeyValue kv;
    kv.set_key(key);
    kv.set_create_revision(created);
    kv.set_mod_revision(modified);
    kv.set_version(1);
    kv.set_lease(lease);
    return kv.SerializeAsString();
  }
  void write(bbolt::Writer* writer) const {
    for (const auto& [name, pairs] : buckets) {
      writer->begin_bucket(name);
      for (const auto& [key, value] : pairs) writer->add(key, value);
      writer->end_bucket();
    }
  }
  std::string file() const {
    bbolt::Writer measure({}, nullptr);
    write(&measure);
    std::string out;
    bbolt::Writer writer(measure.finish(), &out);
    write(&writer);
    writer.finish();
    return out;
  }
};

TEST(EtcdFile, RefusesWhatContradictsItself) {
  const auto with = [](const auto& change) {
    Written written;
    change(&written);
    return refusal(written.file());
  };
  EXPECT_EQ(with([](Written* w) { w->record(2, Written::kv("a", 2, 2)); }), "");
  EXPECT_EQ(with([](Written* w) { w->record(9, ""); }), "");  // etcd's mark of a bump
  EXPECT_NE(with([](Written* w) { w->record(3, Written::kv("a", 2, 2)); }).find("revision 3.0 contradict"),
            std::string::npos);
  EXPECT_NE(with([](Written* w) { w->record(2, Written::kv("", 2, 2)); }).find("contradict"),
            std::string::npos);
  EXPECT_NE(with([](Written* w) { w->record(2, "\xff"); }).find("revision 2.0 is none"), std::string::npos);
  EXPECT_NE(with([](Written* w) { w->buckets["key"]["x"] = "y"; }).find("a revision that is none"),
            std::string::npos);
  EXPECT_NE(with([](Written* w) { w->record(2, Written::kv("a", 2, 2, 7)); }).find("a key of lease 7"),
            std::string::npos);
  EXPECT_NE(with([](Written* w) { w->buckets["lease"]["x"] = "y"; }).find("a lease that is none"),
            std::string::npos);
  EXPECT_NE(with([](Written* w) { w->buckets.erase("key"); }).find("not etcd's"), std::string::npos);
}

TEST(EtcdFile, UsersAndRolesComeAlong) {
  Harness store;
  const auto apply = [&store](const auto& fill) {
    command::Command command;
    fill(&command);
    EXPECT_EQ(store.apply(command).error, "");
  };
  const auto add = [&apply](const std::string& user, const std::string& hash) {
    apply([&](command::Command* to) {
      to->mutable_user_add()->set_name(user);
      to->mutable_user_add()->set_hashedpassword(hash);
    });
  };
  const auto grant = [&apply](const std::string& user, const std::string& role) {
    apply([&](command::Command* to) {
      to->mutable_user_grant_role()->set_user(user);
      to->mutable_user_grant_role()->set_role(role);
    });
  };
  add("root", "hash");
  add("ann", "");
  apply([](command::Command* to) { to->mutable_role_add()->set_name("some"); });
  for (const std::string key : {"a", "c"}) {
    apply([&key](command::Command* to) {
      to->mutable_role_grant_permission()->set_name("some");
      to->mutable_role_grant_permission()->mutable_perm()->set_permtype(authpb::Permission::WRITE);
      to->mutable_role_grant_permission()->mutable_perm()->set_key(key);
      if (key == "c") to->mutable_role_grant_permission()->mutable_perm()->set_range_end("e");
    });
  }
  grant("root", "root");
  grant("ann", "some");
  apply([](command::Command* to) { to->mutable_auth_enable(); });
  const std::string file = file_of(*store.view());
  EtcdFileFacts facts;
  const Harness again(loaded(imported(file, {}, &facts).value()));
  EXPECT_EQ(facts.users, 2U);
  EXPECT_TRUE(facts.asks_for_users);
  const AuthState &before = store.view()->auth(), &after = again.view()->auth();
  EXPECT_TRUE(after.enabled);
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(after.user("root")->password_hash, "hash");
  EXPECT_TRUE(after.user("root")->has_role("root"));
  EXPECT_EQ(after.user("ann")->password_hash, "");
  EXPECT_GT(after.user("ann")->password_revision, 0U) << "else nobody can log in";
  EXPECT_EQ(after.role("some")->permissions, before.role("some")->permissions);
  EXPECT_TRUE(after.may_write(*after.user("ann"), key_span("c", "e")));
  EXPECT_EQ(file_of(*again.view()), file_of(*again.view()));
  const Harness open(loaded(imported(file, {.drop_users = true}).value()));
  EXPECT_FALSE(open.view()->auth().enabled);
  EXPECT_EQ(open.view()->auth().user("root"), nullptr);
}

TEST(EtcdFile, UsersAndRolesThatAreNoneAreRefused) {
  const auto with = [](const std::string& bucket, const std::string& key, const std::string& value) {
    Written written;
    written.buckets[bucket][key] = value;
    return refusal(written.file());
  };
  EXPECT_EQ(with("auth", "authEnabled", "\x01"), "");
  EXPECT_EQ(with("authUsers", "ann",
                 "\x0a\x03"
                 "ann"),
            "");
  for (const std::string& refused :
       {with("authUsers", "ann", "\xff"), with("authRoles", "r", "\x0a"),
        with("authRoles", "r", "\x12\x02\x08\x07"), with("auth", "authRevision", "1")})
    EXPECT_NE(refused.find("a user or role that is none"), std::string::npos) << refused;
  EXPECT_NE(with("authUsers", "ann", "\x1a\x01r\x1a\x01r").find("its users and roles"), std::string::npos)
      << "one role twice";
}

// As a compaction would have left it, had it come to its end.
TEST(EtcdFile, WhatIsCompactedAndStillThereIsDropped) {
  Written written;
  written.record(2, Written::kv("a", 2, 2));
  written.record(3, Written::kv("a", 3, 3));
  written.record(4, Written::kv("b", 4, 4));
  mvccpb::KeyValue gone;
  gone.set_key("b");
  written.record(5, gone.SerializeAsString(), true);
  written.record(6, Written::kv("c", 6, 6));
  put_revision_key(6, 0, false, &written.buckets["meta"]["scheduledCompactRev"]);
  const Harness store(loaded(imported(written.file()).value()));
  EXPECT_EQ(store.view()->compact_revision(), 6);
  EXPECT_EQ(store.get("a").kvs(0).mod_revision(), 3);
  EXPECT_EQ(store.get("b").kvs_size(), 0);
}

}  // namespace
}  // namespace cairn::mvcc
