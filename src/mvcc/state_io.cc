// Saving and loading: the format of docs/format/state.md.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "etcd/reasons.h"
#include "mvcc/kept_records.h"
#include "mvcc/storage.h"

namespace cairn::mvcc {
namespace {

constexpr std::string_view kMagic = "CAIRNST\n";
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kVersionMin = 1;  // sessions by wall clocks, without stamps
constexpr std::size_t kHashedAtOnce = 64 << 10;
constexpr std::uint32_t kErrorBytesMax = 64 << 10;  // of the texts in etcd/reasons.h, values and all
// What a parsable batch can hold at most: whatever was applied can be loaded.
constexpr std::uint32_t kFieldMax = Record::kSizeMax;

// Flags of a record.
constexpr std::uint8_t kTombstone = 1;
constexpr std::uint8_t kMore = 2;  // an older record of the same key follows

class Writer {
 public:
  Writer(ByteSink* sink, std::size_t piece_bytes)
      : sink_(sink),
        piece_bytes_(piece_bytes),
        hash_(XXH3_createState()),
        buffer_(std::make_unique_for_overwrite<char[]>(piece_bytes)) {
    XXH3_64bits_reset(hash_);
  }
  ~Writer() { XXH3_freeState(hash_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <class... T>
  void numbers(T... values) {
    char bytes[(sizeof(T) + ...)];
    char* at = bytes;
    ((codec::store(at, values), at += sizeof(T)), ...);
    raw({bytes, sizeof bytes});
  }
  void text(std::string_view value) {
    numbers(static_cast<std::uint32_t>(value.size()));
    raw(value);
  }
  void raw(std::string_view bytes) {
    while (bytes.size() > piece_bytes_ - size_) {
      const std::string_view part = bytes.substr(0, piece_bytes_ - size_);
      append(part);
      bytes.remove_prefix(part.size());
      flush();
    }
    append(bytes);
  }
  Status finish() {
    hash_written();
    numbers(static_cast<std::uint64_t>(XXH3_64bits_digest(hash_)));
    flush();
    return status_;
  }
  bool failed() const { return !status_; }

 private:
  void append(std::string_view bytes) {
    std::copy_n(bytes.data(), bytes.size(), buffer_.get() + size_);
    size_ += bytes.size();
    if (size_ - hashed_ >= kHashedAtOnce) hash_written();  // while it is in the nearest cache
  }
  void hash_written() {
    XXH3_64bits_update(hash_, buffer_.get() + hashed_, size_ - hashed_);
    hashed_ = size_;
  }
  void flush() {
    hash_written();
    if (status_) status_ = sink_->write({buffer_.get(), size_});
    size_ = hashed_ = 0;
  }

  ByteSink* const sink_;
  const std::size_t piece_bytes_;
  XXH3_state_t* const hash_;
  const std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0, hashed_ = 0;
  Status status_;
};

Error malformed(const std::string& what) {
  return {Code::data_loss,
          "the saved state is damaged: " + what + "; load another snapshot or fetch one from a peer"};
}

class Reader {
 public:
  Reader(ByteSource* source, const Limits& given)
      : limits(given), source_(source), hash_(XXH3_createState()), buffer_(given.step.load_bytes, '\0') {
    XXH3_64bits_reset(hash_);
  }
  ~Reader() { XXH3_freeState(hash_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Status raw(char* to, std::size_t size) {
    if (size <= end_ - at_) {
      std::memcpy(to, buffer_.data() + at_, size);
      at_ += size;
      return {};
    }
    while (size > 0) {
      if (at_ == end_) TRY(fill());
      const std::size_t some = std::min(size, end_ - at_);
      std::memcpy(to, buffer_.data() + at_, some);
      at_ += some;
      to += some;
      size -= some;
    }
    return {};
  }
  template <class T>
  Result<T> number() {
    char bytes[sizeof(T)];
    TRY(raw(bytes, sizeof bytes));
    return codec::load<T>(bytes);
  }
  Result<std::uint32_t> length(std::uint32_t size_max) {
    const std::uint32_t size = TRY(number<std::uint32_t>());
    if (size > size_max)
      return tl::unexpected(malformed("a length of " + std::to_string(size) + " at byte " +
                                      std::to_string(offset()) + " is above " + std::to_string(size_max)));
    return size;
  }
  // Grows with the bytes that really come: a false length costs no more memory than the file has.
  Status bytes(std::uint32_t size, std::string* value) {
    value->clear();
    while (value->size() < size) {
      const std::size_t from = value->size();
      value->resize(from + std::min<std::size_t>(size - from, limits.step.trusted_bytes));
      TRY(raw(value->data() + from, value->size() - from));
    }
    return {};
  }
  Status text(std::uint32_t size_max, std::string* value) {
    const std::uint32_t size = TRY(length(size_max));
    return bytes(size, value);
  }
  Result<std::string> text(std::uint32_t size_max) {
    std::string value;
    TRY(text(size_max, &value));
    return value;
  }
  Status checksum() {
    hash_read();
    const std::uint64_t expected = XXH3_64bits_digest(hash_);
    const auto stored = TRY(number<std::uint64_t>());
    if (stored != expected) return tl::unexpected(malformed("its checksum does not match"));
    if (at_ != end_ || TRY(source_->read(std::span(buffer_.data(), 1))) != 0)
      return tl::unexpected(malformed("bytes follow its end at byte " + std::to_string(offset())));
    return {};
  }
  std::uint64_t offset() const { return before_ + at_; }

  const Limits& limits;

 private:
  void hash_read() {
    XXH3_64bits_update(hash_, buffer_.data() + hashed_, at_ - hashed_);
    hashed_ = at_;
  }
  Status fill() {
    hash_read();
    before_ += end_;
    end_ = TRY(source_->read(std::span(buffer_.data(), buffer_.size())));
    at_ = hashed_ = 0;
    if (end_ == 0) return tl::unexpected(malformed("it ends early, at byte " + std::to_string(before_)));
    return {};
  }

  ByteSource* const source_;
  XXH3_state_t* const hash_;
  std::string buffer_;
  std::size_t at_ = 0, end_ = 0, hashed_ = 0;
  std::uint64_t before_ = 0;
};

void save_urls(const std::vector<std::string>& urls, Writer* to) {
  to->numbers(static_cast<std::uint32_t>(urls.size()));
  for (const std::string& url : urls) to->text(url);
}

Result<std::vector<std::string>> load_urls(Reader* from) {
  const auto count = TRY(from->number<std::uint32_t>());
  if (count > from->limits.member_urls_max)
    return tl::unexpected(malformed("a member with " + std::to_string(count) + " URLs"));
  std::vector<std::string> urls;
  for (std::uint32_t i = 0; i < count; ++i) urls.push_back(TRY(from->text(from->limits.text_bytes_max)));
  return urls;
}

void save_session(const Session& session, Writer* to) {
  to->text(session.name);
  to->numbers(session.sequence);
  to->numbers(session.time_ms);
  to->numbers(session.request_hash);
  to->numbers(static_cast<std::uint32_t>(session.outcome.code));
  to->text(session.outcome.error);
  to->numbers(session.outcome.revision);
  to->text(session.outcome.body);
  to->numbers(static_cast<std::uint8_t>(session.stamped ? 1 : 0));
  to->numbers(session.changed_revision);
}

Result<std::unique_ptr<Session>> load_session(Reader* from, std::uint32_t version, std::int64_t newest) {
  auto session = std::make_unique<Session>();
  session->name = TRY(from->text(static_cast<std::uint32_t>(from->limits.request.idempotency_key_bytes_max)));
  session->sequence = TRY(from->number<std::uint64_t>());
  session->time_ms = TRY(from->number<std::int64_t>());
  session->request_hash = TRY(from->number<std::uint64_t>());
  const auto code = TRY(from->number<std::uint32_t>());
  if (code > static_cast<std::uint32_t>(Code::unauthenticated))
    return tl::unexpected(malformed("a session with code " + std::to_string(code)));
  session->outcome.code = static_cast<Code>(code);
  session->outcome.error = TRY(from->text(kErrorBytesMax));
  session->outcome.reason = etcd::reason_of(session->outcome.code, session->outcome.error);
  session->outcome.revision = TRY(from->number<std::int64_t>());
  session->outcome.body = TRY(from->text(kFieldMax));
  if (version == 1) return session;
  const auto stamped = TRY(from->number<std::uint8_t>());
  session->stamped = stamped == 1;
  session->changed_revision = TRY(from->number<std::int64_t>());
  if (stamped > 1 || session->changed_revision < 0 || session->changed_revision > newest)
    return tl::unexpected(malformed("a session of kind " + std::to_string(stamped) + " at revision " +
                                    std::to_string(session->changed_revision)));
  return session;
}

void save_record(const Record& record, bool more, Writer* to) {
  const auto flags = static_cast<std::uint8_t>((record.tombstone() ? kTombstone : 0) | (more ? kMore : 0));
  if (record.tombstone()) return to->numbers(flags, record.mod_revision(), record.sub());
  const std::string_view value = record.value();
  to->numbers(flags, record.mod_revision(), record.sub(), record.create_revision(), record.version(),
              record.lease(), static_cast<std::uint32_t>(value.size()));
  to->raw(value);
}

// A key's records while they are read, newest first; frees them unless they are taken.
class Chain {
 public:
  Chain() = default;
  ~Chain() {
    while (newest_ != nullptr) Record::free(std::exchange(newest_, newest_->previous));
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  void push_older(Record* record) {
    (oldest_ == nullptr ? newest_ : oldest_->previous) = record;
    oldest_ = record;
  }
  const Record* oldest() const { return oldest_; }
  Record* take() { return std::exchange(newest_, nullptr); }

 private:
  Record* newest_ = nullptr;
  Record* oldest_ = nullptr;
};

struct Revisions {
  std::int64_t newest = 1;
  std::int64_t compact = -1;
};

// What the numbers of a record say together with those of the newer one of its key; nullptr when they fit.
const char* misfit(const Record::Numbers& record, const Record* newer, const Revisions& revisions) {
  if (record.mod_revision < 2 || record.mod_revision > revisions.newest)
    return "its revision is outside the store's";
  if (newer != nullptr &&
      std::pair(newer->mod_revision(), newer->sub()) <= std::pair(record.mod_revision, record.sub))
    return "it is not older than the one before";
  if (newer != nullptr && newer->mod_revision() <= revisions.compact) return "it is compacted";
  if (record.tombstone) return record.mod_revision < revisions.compact ? "it is compacted" : nullptr;
  if (record.create_revision < 2 || record.create_revision > record.mod_revision || record.version < 1)
    return "its revisions contradict each other";
  return nullptr;
}

Status load_key(Reader* from, const Revisions& revisions, const std::string& key, Store* store) {
  Chain chain;
  bool more = true;
  while (more) {
    const auto flags = TRY(from->number<std::uint8_t>());
    if (flags > (kTombstone | kMore)) return tl::unexpected(malformed("flags " + std::to_string(flags)));
    more = (flags & kMore) != 0;
    Record::Numbers numbers;
    numbers.tombstone = (flags & kTombstone) != 0;
    numbers.mod_revision = TRY(from->number<std::int64_t>());
    numbers.sub = TRY(from->number<std::uint32_t>());
    std::uint32_t value_size = 0;
    if (!numbers.tombstone) {
      numbers.create_revision = TRY(from->number<std::int64_t>());
      numbers.version = TRY(from->number<std::int64_t>());
      numbers.lease = TRY(from->number<std::int64_t>());
      value_size = TRY(from->length(kFieldMax));
    }
    if (const char* reason = misfit(numbers, chain.oldest(), revisions); reason != nullptr)
      return tl::unexpected(
          malformed("a record before byte " + std::to_string(from->offset()) + ": " + reason));
    if (value_size > from->limits.step.trusted_bytes) {
      std::string value;
      TRY(from->bytes(value_size, &value));
      chain.push_older(Record::make(key, value, numbers, nullptr));
      continue;
    }
    char* value = nullptr;
    chain.push_older(Record::make_unfilled(key, value_size, numbers, &value));
    TRY(from->raw(value, value_size));
  }
  store->load_key(chain.take());
  return {};
}

Status load_members(Reader* from, Storage* storage) {
  const auto count = TRY(from->number<std::uint32_t>());
  if (count > from->limits.members_max) return tl::unexpected(malformed(std::to_string(count) + " members"));
  MemberMap members;
  for (std::uint32_t i = 0; i < count; ++i) {
    MemberInfo member;
    member.id = TRY(from->number<std::uint64_t>());
    member.name = TRY(from->text(from->limits.text_bytes_max));
    member.peer_urls = TRY(load_urls(from));
    member.client_urls = TRY(load_urls(from));
    if (!members.empty() && members.rbegin()->first >= member.id)
      return tl::unexpected(malformed("members out of order"));
    const std::uint64_t id = member.id;
    members.emplace(id, std::move(member));
  }
  storage->members.set(std::move(members));
  return {};
}

Result<SessionCounters> load_session_counters(Reader* from, std::uint32_t version, std::int64_t newest) {
  SessionCounters counters;
  counters.clock_ms = TRY(from->number<std::int64_t>());
  counters.next_sequence = TRY(from->number<std::uint64_t>());
  counters.forgotten_revision = newest;  // which keys an older version has forgotten, nobody knows
  if (version == 1) return counters;
  const auto clock = TRY(from->number<std::uint8_t>());
  counters.clock = static_cast<SessionClock>(clock);
  counters.forgotten_revision = TRY(from->number<std::int64_t>());
  if (clock > static_cast<std::uint8_t>(SessionClock::leaders) || counters.forgotten_revision < 1 ||
      counters.forgotten_revision > newest)
    return tl::unexpected(malformed("sessions by clock " + std::to_string(clock) + ", forgotten up to " +
                                    std::to_string(counters.forgotten_revision)));
  return counters;
}

Status load_sessions(Reader* from, std::uint32_t version, std::int64_t newest, Storage* storage) {
  const SessionCounters counters = TRY(load_session_counters(from, version, newest));
  const auto count = TRY(from->number<std::uint64_t>());
  std::string last;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::unique_ptr<Session> session = TRY(load_session(from, version, newest));
    if (session->name <= last) return tl::unexpected(malformed("sessions out of order"));
    last = session->name;
    storage->sessions.load(std::move(session));
  }
  if (!storage->sessions.load_done(counters))
    return tl::unexpected(malformed("the sessions' sequence numbers or times contradict each other"));
  return {};
}

Status load_keys(Reader* from, const Revisions& revisions, Storage* storage) {
  storage->store.load_begin(revisions.newest, revisions.compact);
  std::string key, last;
  for (;;) {
    TRY(from->text(kFieldMax, &key));
    if (key.empty()) break;
    if (key <= last) return tl::unexpected(malformed("keys out of order"));
    TRY(load_key(from, revisions, key, &storage->store));
    std::swap(key, last);
  }
  storage->store.load_done();
  return {};
}

}  // namespace

Status save_contents(const Contents& contents, const StepLimits& step, ByteSink* sink) {
  Writer to(sink, step.save_bytes);
  to.raw(kMagic);
  to.numbers(kVersion);
  to.numbers(contents.applied_index);
  to.numbers(contents.kv.revision);
  to.numbers(contents.kv.compact_revision);
  to.numbers(static_cast<std::uint32_t>(contents.members->size()));
  for (const auto& [id, member] : *contents.members) {
    to.numbers(id);
    to.text(member.name);
    save_urls(member.peer_urls, &to);
    save_urls(member.client_urls, &to);
  }
  to.numbers(contents.session_counters.clock_ms);
  to.numbers(contents.session_counters.next_sequence);
  to.numbers(static_cast<std::uint8_t>(contents.session_counters.clock));
  to.numbers(contents.session_counters.forgotten_revision);
  to.numbers(contents.sessions.live);
  for (Sessions::SessionTree::Cursor cursor(contents.sessions, {}); cursor.get() != nullptr; cursor.next())
    save_session(*cursor.get(), &to);
  KeptRecords(contents.kv.keys, contents.kv.compact_revision)
      .each([&](std::string_view key) { to.text(key); },
            [&](const Record& record, bool more) { save_record(record, more, &to); },
            [&] { return to.failed(); });
  to.text({});  // no key is empty: the end
  to.numbers(contents.state_hash);
  return to.finish();
}

Status load_contents(ByteSource* source, Storage* storage) {
  Reader from(source, storage->limits);
  std::string magic(kMagic.size(), '\0');
  TRY(from.raw(magic.data(), magic.size()));
  if (magic != kMagic) return tl::unexpected(malformed("it does not begin as one"));
  const auto version = TRY(from.number<std::uint32_t>());
  if (version < kVersionMin || version > kVersion)
    return fail(Code::data_loss, "the saved state has format version " + std::to_string(version) +
                                     ", this program reads versions " + std::to_string(kVersionMin) + " to " +
                                     std::to_string(kVersion) +
                                     ": use the program that wrote it, or a newer one");
  const auto applied_index = TRY(from.number<std::uint64_t>());
  if (applied_index >= std::numeric_limits<std::uint64_t>::max() - 2)
    return tl::unexpected(malformed("an applied index of " + std::to_string(applied_index)));
  Revisions revisions;
  revisions.newest = TRY(from.number<std::int64_t>());
  revisions.compact = TRY(from.number<std::int64_t>());
  if (revisions.newest < 1 || revisions.compact < -1 || revisions.compact > revisions.newest)
    return tl::unexpected(malformed("revision " + std::to_string(revisions.newest) + ", compacted at " +
                                    std::to_string(revisions.compact)));
  storage->applied_index = applied_index;
  storage->epochs.begin(applied_index + 1);
  TRY(load_members(&from, storage));
  TRY(load_sessions(&from, version, revisions.newest, storage));
  TRY(load_keys(&from, revisions, storage));
  const std::uint64_t hash = version == 1 ? storage->state_hash() : TRY(from.number<std::uint64_t>());
  TRY(from.checksum());
  // What was written is what is read, but it was not the state any more.
  if (hash != storage->state_hash())
    return fail(
        Code::data_loss,
        "E_STATE_DAMAGED: the state of index " + std::to_string(applied_index) +
            " was damaged in the memory of the member that saved it: its hash is not the one that its "
            "writes add up to; load another snapshot or fetch one from a peer, and check that machine's "
            "memory");
  return {};
}

}  // namespace cairn::mvcc
