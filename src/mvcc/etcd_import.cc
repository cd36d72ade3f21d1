#include "mvcc/etcd_import.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/codec.h"
#include "base/crc32c.h"
#include "mvcc/etcd_users.h"
#include "mvcc/storage.h"
#include "proto/kv.pb.h"

namespace cairn::mvcc {
namespace {

using bbolt::Reader;

constexpr std::size_t kRevisionBytes = 17;
constexpr std::int64_t kRevisionMax = std::numeric_limits<std::int64_t>::max() / 2;

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(Code::data_loss, "the file is damaged: " + what);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, 8)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

struct At {
  std::int64_t revision = 0;
  std::uint32_t sub = 0;
  bool tombstone = false;
};

Result<At> at_of(std::string_view bytes) {
  At at;
  at.tombstone = bytes.size() == kRevisionBytes + 1 && bytes.back() == 't';
  const bool good = (bytes.size() == kRevisionBytes || at.tombstone) && bytes[8] == '_';
  const std::uint64_t revision = good ? big_endian(bytes) : 0, sub = good ? big_endian(bytes.substr(9)) : 0;
  if (!good || revision > static_cast<std::uint64_t>(kRevisionMax) ||
      sub > std::numeric_limits<std::uint32_t>::max())
    return damaged("a revision that is none, of " + std::to_string(bytes.size()) + " bytes");
  at.revision = static_cast<std::int64_t>(revision);
  at.sub = static_cast<std::uint32_t>(sub);
  return at;
}

std::string place(const At& at) {
  return "revision " + std::to_string(at.revision) + "." + std::to_string(at.sub);
}

Result<LeaseInfo> lease_of(std::string_view name, std::string_view value) {
  LeaseInfo lease;
  codec::Reader in(value);
  while (in.ok() && in.left() > 0) {
    const std::uint64_t tag = in.varint();
    const auto number = static_cast<std::int64_t>(in.varint());
    if (tag == (1 << 3)) lease.id = number;
    if (tag == (2 << 3)) lease.ttl_s = number;
    if (tag == (3 << 3)) lease.remaining_s = number;
  }
  if (!in.ok() || name.size() != 8 || big_endian(name) != static_cast<std::uint64_t>(lease.id))
    return damaged("a lease that is none");
  lease.remaining_s = std::clamp<std::int64_t>(lease.remaining_s, 0, std::max<std::int64_t>(lease.ttl_s, 0));
  return lease;
}

// Walks the whole file, bucket by bucket in their order but for what has to be known first, and tells of what
// is found. Subclasses keep what they want of it.
class Walk {
 public:
  explicit Walk(bbolt::Bytes* file) : file_(file) {}
  virtual ~Walk() = default;

  Status run() {
    Reader reader = TRY(Reader::open(file_));
    if (reader.find("key") == nullptr || reader.find("meta") == nullptr)
      return fail(Code::data_loss,
                  "the file is a bbolt file, but not etcd's: it has no bucket 'key' or 'meta'");
    // What is compacted decides what is kept of the keys, and the keys' leases have to be there before them.
    std::set<std::string> first{"auth", "authRoles", "authUsers", "lease", "meta"};
    for (const std::string& name : first)
      if (const Reader::Bucket* const bucket = reader.find(name)) TRY(take(&reader, *bucket));
    if (const Reader::Bucket* const bucket = reader.find("key")) TRY(take(&reader, *bucket));
    facts.revision = std::max({facts.revision, facts.compact_revision, std::int64_t{1}});
    return {};
  }

  // What the file has not: the next revision first.
  Status add(LaterRecords* later) {
    const std::int64_t last = facts.revision;
    return later->each(
        [&](std::string_view key, std::string_view value) -> Status {
          const At at = TRY(at_of(key));
          if (at.revision <= last) return {};
          if (at.revision > facts.revision + 1)
            return fail(Code::data_loss, "revisions " + std::to_string(facts.revision + 1) + " to " +
                                             std::to_string(at.revision - 1) + " are missing");
          return record(key, value);
        },
        [this](std::int64_t lease, std::int64_t ttl_s) { on_later_lease(lease, ttl_s); });
  }

  EtcdFileFacts facts;
  UsersInFile users;

 protected:
  virtual Status on_record(const At& at, const mvccpb::KeyValue& kv) = 0;
  virtual Status on_lease(const LeaseInfo& lease) = 0;
  virtual void on_later_lease(std::int64_t, std::int64_t) {}

 private:
  Status take(Reader* reader, const Reader::Bucket& bucket) {
    return reader->each(bucket, [&](std::string_view key, std::string_view value) -> Status {
      if (bucket.name == "key") return record(key, value);
      if (bucket.name == "meta") return meta(key, value);
      if (bucket.name == "lease") {
        ++facts.leases;
        return on_lease(TRY(lease_of(key, value)));
      }
      if (!users.take(bucket.name, key, value)) return damaged("a user or role that is none");
      facts.users = users.users();
      facts.users_revision = users.revision();
      facts.asks_for_users = users.asked_for();
      return {};
    });
  }

  Status meta(std::string_view key, std::string_view value) {
    if (key != "finishedCompactRev" && key != "scheduledCompactRev") return {};
    facts.compact_revision = std::max(facts.compact_revision, TRY(at_of(value)).revision);
    return {};
  }

  Status record(std::string_view key, std::string_view value) {
    const At at = TRY(at_of(key));
    facts.revision = std::max(facts.revision, at.revision);
    if (value.empty() && !at.tombstone) return {};  // etcd's mark that revisions were left out
    if (value.size() > Record::kSizeMax || !kv_.ParseFromArray(value.data(), static_cast<int>(value.size())))
      return damaged("the record of " + place(at) + " is none");
    const bool good = !kv_.key().empty() && at.revision >= 2 &&
                      (at.tombstone || (kv_.mod_revision() == at.revision && kv_.create_revision() >= 2 &&
                                        kv_.create_revision() <= at.revision && kv_.version() >= 1));
    if (!good) return damaged("the numbers of the record of " + place(at) + " contradict each other");
    ++facts.records;
    return on_record(at, kv_);
  }

  bbolt::Bytes* const file_;
  mvccpb::KeyValue kv_;
};

class Facts final : public Walk {
 public:
  using Walk::Walk;
  std::set<std::string, std::less<>> keys;

 private:
  Status on_record(const At& at, const mvccpb::KeyValue& kv) override {
    if (at.tombstone)
      keys.erase(kv.key());
    else
      keys.insert(kv.key());
    return {};
  }
  Status on_lease(const LeaseInfo&) override { return {}; }
};

class Import final : public Walk {
 public:
  Import(bbolt::Bytes* file, const ImportChoice& choice)
      : Walk(file), forgets_(choice.bump_revision > 0), until_(choice.revision) {}
  ~Import() override {
    for (auto& [key, record] : newest_) free_chain(record);
  }
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  // Keys as they were may be of leases that have ended since, or were granted after the file was made.
  void grant_missing_leases() {
    for (const auto& [key, newest] : newest_) {
      if (!newest->leased() || newest->tombstone()) continue;
      const auto later = later_ttls_.find(newest->lease());
      const std::int64_t ttl_s = later == later_ttls_.end() ? kEndedLeaseTtlS : later->second;
      if (leases_.try_emplace(newest->lease(), LeaseInfo{.id = newest->lease(), .ttl_s = ttl_s}).second)
        ++facts.leases;
    }
  }
  // From now on what comes has to fit to what is there: other records are of another history.
  Status add_fitting(LaterRecords* later) {
    must_fit_ = true;
    return add(later);
  }

  Status load(Storage* storage) {
    std::uint64_t generation = 0;
    for (auto& [id, lease] : leases_) {
      lease.generation = ++generation;
      if (!storage->leases.load(lease)) return damaged("a lease " + std::to_string(id) + " that cannot be");
    }
    if (!storage->leases.load_done(generation + 1)) return damaged("its leases");
    for (auto& [key, slot] : newest_) {
      Record* const newest = std::exchange(slot, nullptr);
      if (newest->tombstone() && newest->mod_revision() < storage->store.compact_revision()) {
        free_chain(newest);  // the compaction would have taken it
        continue;
      }
      storage->store.load_key(newest);
      if (!newest->leased() || newest->tombstone()) continue;
      if (!storage->leases.exists(newest->lease()))
        return damaged("a key of lease " + std::to_string(newest->lease()) + ", which is not there");
      storage->leases.move(key, 0, newest->lease());
    }
    storage->store.load_done();
    return {};
  }

 private:
  static void free_chain(Record* record) {
    while (record != nullptr) Record::free(std::exchange(record, record->previous));
  }

  Status on_record(const At& at, const mvccpb::KeyValue& kv) override {
    if (until_ > 0 && at.revision > until_) {
      --facts.records;
      return {};
    }
    Record*& newest = newest_[kv.key()];
    if (must_fit_ && !fits(newest, at, kv))
      return fail(Code::data_loss, "the change of " + place(at) +
                                       " does not fit to what was there: it is of another history than the "
                                       "backup");
    // Nobody can ask any more for what this one has replaced.
    if (forgets_ || at.revision <= facts.compact_revision) free_chain(std::exchange(newest, nullptr));
    Record::Numbers numbers{.mod_revision = at.revision, .sub = at.sub, .tombstone = at.tombstone};
    if (!at.tombstone) {
      numbers.create_revision = kv.create_revision();
      numbers.version = kv.version();
      numbers.lease = kv.lease();
    }
    newest = Record::make(kv.key(), kv.value(), numbers, newest);
    return {};
  }
  Status on_lease(const LeaseInfo& lease) override {
    leases_[lease.id] = lease;
    return {};
  }
  void on_later_lease(std::int64_t lease, std::int64_t ttl_s) override { later_ttls_[lease] = ttl_s; }

  static bool fits(const Record* newest, const At& at, const mvccpb::KeyValue& kv) {
    const bool exists = newest != nullptr && !newest->tombstone();
    if (at.tombstone) return exists;
    if (!exists) return kv.create_revision() == at.revision && kv.version() == 1;
    return kv.create_revision() == newest->create_revision() && kv.version() == newest->version() + 1;
  }

  bool must_fit_ = false;
  const bool forgets_;
  const std::int64_t until_;  // 0: all
  std::map<std::string, Record*> newest_;
  std::map<std::int64_t, LeaseInfo> leases_;
  std::map<std::int64_t, std::int64_t> later_ttls_;
};

Status check_has(const EtcdFileFacts& facts, std::int64_t revision) {
  const std::int64_t first = std::max<std::int64_t>(facts.compact_revision, 1);
  if (revision >= first && revision <= facts.revision) return {};
  return fail(Code::invalid_argument,
              "the file has no revision " + std::to_string(revision) + ", but " + std::to_string(first) +
                  " to " + std::to_string(facts.revision) +
                  (revision < first ? ": what was before had been compacted; name one of these, or take an "
                                      "older file"
                                    : ": it was taken before; name one of these, or take a newer file"));
}

}  // namespace

Result<EtcdFileFacts> facts_of(bbolt::Bytes* file) {
  Facts walk(file);
  TRY(walk.run());
  walk.facts.keys = walk.keys.size();
  // The hash is over all buckets, whatever they are.
  Reader reader = TRY(Reader::open(file));
  for (const Reader::Bucket& bucket : reader.buckets()) {
    std::uint32_t& hash = walk.facts.hash;
    hash = crc32c(hash, bucket.name);
    TRY(reader.each(bucket, [&hash](std::string_view key, std::string_view value) -> Status {
      hash = crc32c(crc32c(hash, key), value);
      return {};
    }));
  }
  return walk.facts;
}

Result<EtcdFileFacts> import_etcd_file(bbolt::Bytes* file, const ImportChoice& choice,
                                       const MemberMap& members, ByteSink* to, LaterRecords* later,
                                       const Limits& limits) {
  Import import(file, choice);
  TRY(import.run());
  if (later != nullptr) TRY(import.add_fitting(later));
  EtcdFileFacts& facts = import.facts;
  const std::int64_t last = facts.revision;
  if (choice.revision > 0) {
    TRY(check_has(facts, choice.revision));
    facts.revision = choice.revision;
  }
  if (later != nullptr || (choice.revision > 0 && choice.revision < last)) import.grant_missing_leases();
  if (choice.bump_revision > 0) {
    if (choice.bump_revision > kRevisionMax - last)
      return fail(Code::invalid_argument,
                  "no such revision: " + std::to_string(last) + " + " + std::to_string(choice.bump_revision));
    facts.revision = last + choice.bump_revision;
    facts.compact_revision = facts.revision;
  }
  Storage storage(limits);
  storage.applied_index = 1;
  storage.epochs.begin(2);
  storage.members.set(members);
  storage.store.load_begin(facts.revision, facts.compact_revision);
  // Idempotency keys of before are not remembered: none is taken for a new one.
  storage.sessions.forgotten_up_to(facts.revision);
  if (!choice.drop_users && !storage.auth.load(import.users.state())) return damaged("its users and roles");
  TRY(import.load(&storage));
  facts.keys = storage.contents().kv.keys.live;
  TRY(save_contents(storage.contents(), limits.step, to));
  return facts;
}

}  // namespace cairn::mvcc
