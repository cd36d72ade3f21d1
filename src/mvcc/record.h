// Record: one revision of one key: its key, value and numbers in a single allocation. Immutable once its
// revision is written, but for `previous`, which compaction cuts once no view can follow it.
//
// The tree points at the newest record of each key; `previous` leads to the older ones, newest first, until
// compaction drops them. 24 bytes come before key and value; what only some records have to say (create
// revision and version of a rewritten key, lease, place inside a txn) takes room only there. Most of a
// state's memory is records, and an allocator's classes are coarse: a few bytes more here can cost 64 a key.
// Owner: whoever holds the state (freed through Epochs or by compaction).
// Bound: key and value below 512 MiB each, more than an entry of the log can carry.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace cairn::mvcc {

class Record {
 public:
  struct Numbers {
    std::int64_t create_revision = 0;
    std::int64_t mod_revision = 0;
    std::uint32_t sub = 0;  // orders the changes inside one revision
    std::int64_t version = 0;
    std::int64_t lease = 0;
    bool tombstone = false;  // the key was deleted at this revision
    bool operator==(const Numbers&) const = default;
  };
  static constexpr std::uint32_t kSizeMax = (std::uint32_t{1} << 29) - 1;  // of a key, of a value

  static Record* make(std::string_view key, std::string_view value, const Numbers& numbers, Record* previous);
  // Room for a value that the caller fills in at once.
  static Record* make_unfilled(std::string_view key, std::uint32_t value_size, const Numbers& numbers,
                               char** value);
  static void free(void* record);

  std::string_view key() const { return {data() + extra_size(), key_size_ & kSizeMax}; }
  // The one way to a value: where it lives is decided here alone.
  std::string_view value() const {
    return {data() + extra_size() + (key_size_ & kSizeMax), value_size_ & kSizeMax};
  }
  std::int64_t mod_revision() const { return mod_revision_; }
  std::uint32_t sub() const;
  std::int64_t create_revision() const;
  std::int64_t version() const;
  std::int64_t lease() const;  // 0: none
  bool leased() const { return (key_size_ & kLeased) != 0; }
  bool tombstone() const { return (key_size_ & kTombstone) != 0; }
  bool live() const { return !tombstone(); }
  // The same revision has changed the key once more: nested txns may put it and then delete it.
  bool replaced_at_once() const { return (value_size_ & kReplaced) != 0; }
  void mark_replaced_at_once() { value_size_ |= kReplaced; }
  std::size_t size_bytes() const {
    return sizeof(Record) + extra_size() + (key_size_ & kSizeMax) + (value_size_ & kSizeMax);
  }

  // Of all but `previous`, as it is in memory.
  std::uint64_t hash() const;

  Record* previous = nullptr;

 private:
  // The upper bits of the sizes. Which extras there are, in this order: create revision and version of what
  // was rewritten (wide: 8 bytes each; else 4 each, the first as its distance to the mod revision), lease
  // (8), sub (4).
  static constexpr std::uint32_t kTombstone = 1u << 31, kRewritten = 1u << 30, kLeased = 1u << 29;
  static constexpr std::uint32_t kReplaced = 1u << 31, kWide = 1u << 30, kLater = 1u << 29;

  Record() = default;
  // Without a branch: every comparison of keys comes this way. Index: kRewritten, kLeased, kWide, kLater.
  std::size_t extra_size() const {
    static constexpr std::array<std::uint8_t, 16> kSizes = {0, 4,  0,  4,  8,  12, 8,  12,
                                                            8, 12, 16, 20, 16, 20, 24, 28};
    return kSizes[((key_size_ >> 27) & 12) | ((value_size_ >> 29) & 3)];
  }
  bool rewritten() const { return (key_size_ & kRewritten) != 0; }
  bool wide() const { return (value_size_ & kWide) != 0; }
  std::size_t numbers_size() const { return !rewritten() ? 0 : wide() ? 16 : 8; }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  char* data() { return reinterpret_cast<char*>(this + 1); }

  std::int64_t mod_revision_ = 0;
  std::uint32_t key_size_ = 0;
  std::uint32_t value_size_ = 0;
};
static_assert(sizeof(Record) == 24);

}  // namespace cairn::mvcc
