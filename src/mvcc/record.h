// Record: one revision of one key: its key, value and numbers in a single allocation. Immutable but for
// `previous`, which compaction cuts once no view can follow it.
//
// The tree points at the newest record of each key; `previous` leads to the older ones, newest first, until
// compaction drops them. A record of 32 bytes of numbers covers the usual key that was written once and has
// no lease; create revision, version and lease take room only when they say something. Owner: whoever holds
// the state (freed through Epochs or by compaction).
#pragma once

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

  static Record* make(std::string_view key, std::string_view value, const Numbers& numbers, Record* previous);
  // Room for a value that the caller fills in at once.
  static Record* make_unfilled(std::string_view key, std::uint32_t value_size, const Numbers& numbers,
                               char** value);
  static void free(void* record);

  std::string_view key() const { return {data() + extra_size(), key_size_}; }
  // The one way to a value: where it lives is decided here alone.
  std::string_view value() const { return {data() + extra_size() + key_size_, value_size_}; }
  std::int64_t mod_revision() const { return mod_revision_; }
  std::uint32_t sub() const { return sub_; }
  std::int64_t create_revision() const;
  std::int64_t version() const;
  std::int64_t lease() const;
  bool tombstone() const { return (flags_ & kTombstone) != 0; }
  bool live() const { return !tombstone(); }
  Numbers numbers() const;
  std::size_t size_bytes() const;

  Record* previous = nullptr;

 private:
  static constexpr std::uint32_t kTombstone = 1, kRewritten = 2, kLeased = 4;  // bits of flags_
  Record() = default;
  std::size_t extra_size() const {
    return ((flags_ & kRewritten) != 0 ? 16u : 0u) + ((flags_ & kLeased) != 0 ? 8u : 0u);
  }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  char* data() { return reinterpret_cast<char*>(this + 1); }

  std::int64_t mod_revision_ = 0;
  std::uint32_t sub_ = 0;
  std::uint32_t key_size_ = 0;
  std::uint32_t value_size_ = 0;
  std::uint32_t flags_ = 0;
};

}  // namespace cairn::mvcc
