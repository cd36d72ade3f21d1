// What an archive of changes consists of (docs/format/archive.md): a head, and behind it frames: each
// revision of all keys with the time at which it was seen, marks of a time at which nothing was new, and how
// long leases are. Decoding trusts nothing: every refusal is data_loss. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::archive {

struct Limits {
  // Of a frame, and so of the changes of one revision.
  std::size_t frame_bytes_max = std::size_t{1} << 30;
};

struct Head {
  // Archives of one lineage are one history without a gap, each going on where the one before ends.
  std::uint64_t lineage = 0;
  std::uint64_t cluster_id = 0;
  std::int64_t after = 0;       // the revision behind which it begins
  std::int64_t created_ms = 0;  // since 1970, by the clock of who wrote it
  std::string base{};           // the backup of this lineage that was the newest then: a file beside it
  bool operator==(const Head&) const = default;
};

// One change, as the record that etcd's database has of it: a KeyValue message, of a deletion with its key.
struct Change {
  bool deletion = false;
  std::string_view record{};
  bool operator==(const Change&) const = default;
};

enum class Kind : std::uint8_t { changes = 1, mark = 2, lease = 3 };

struct Frame {
  Kind kind = Kind::mark;
  // Of changes: theirs, and when it was seen. Of a mark: the newest at that time.
  std::int64_t revision = 0, seen_ms = 0;
  std::vector<Change> changes{};
  std::int64_t lease = 0, ttl_s = 0;  // of a lease: how long it was granted for
  // So many bytes of the file were surely durable when this was written: what is wrong in them is damage, and
  // not what a power cut has left.
  std::uint64_t durable = 0;
};

constexpr std::size_t kFrontBytes = 12;  // of a frame: size of what follows, its check, that of what follows
constexpr std::size_t kHeadBytesMax = 1024;

std::string encode(const Head& head);
// Of the bytes that a file begins with; `size` is how many of them are the head.
Result<Head> decode_head(std::string_view bytes, std::size_t* size);

void append(const Frame& frame, std::string* out);
// How many bytes append() adds for changes of this many records with so many bytes.
std::size_t changes_bytes(std::size_t count, std::size_t record_bytes);

struct Front {
  std::uint32_t size = 0, check = 0;
};
Result<Front> decode_front(std::string_view bytes);  // kFrontBytes of them
bool is_front(std::string_view bytes);
bool is_whole(const Front& front, std::string_view body);
// Views into `body`.
Result<Frame> decode_body(std::string_view body);

}  // namespace cairn::archive
