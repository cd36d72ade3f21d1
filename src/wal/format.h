// The log's bytes on disk: frame header, entry, block, file names and checksums. docs/format/wal.md is the
// text. Pure functions. Nothing read from disk is believed before its checksum, no length before it is
// bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/result.h"
#include "raft/types.h"
#include "wal/types.h"

namespace cairn::wal {

constexpr std::uint64_t kBlockBytes =
    4096;  // frames begin and end on blocks: a durable block is never rewritten
constexpr std::uint64_t kSegmentBytesMin = 2 * kBlockBytes;
constexpr std::uint64_t kIndexMax = std::uint64_t{1} << 62;  // beyond, arithmetic on an index could wrap
constexpr std::size_t kFrameHeaderBytes = 128;
constexpr std::size_t kEntryHeaderBytes = 16;
constexpr std::uint16_t kFormatVersion = 1;

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

Hash128 hash128(std::span<const std::byte> bytes);
std::uint64_t hash64(std::span<const std::byte> bytes);
std::uint64_t hash_of(std::string_view text);  // the same; raft::Config::hash of whoever uses this log
// Names the member in every block, so that another member's disk is recognised.
std::uint64_t owner_of(const Identity& identity);

// Numbers whose width is part of the format, spelt out; the caller guarantees the room.
inline void put_u16(std::byte* at, std::uint16_t value) { codec::store(at, value); }
inline void put_u32(std::byte* at, std::uint32_t value) { codec::store(at, value); }
inline void put_u64(std::byte* at, std::uint64_t value) { codec::store(at, value); }
inline std::uint16_t get_u16(const std::byte* at) { return codec::load<std::uint16_t>(at); }
inline std::uint32_t get_u32(const std::byte* at) { return codec::load<std::uint32_t>(at); }
inline std::uint64_t get_u64(const std::byte* at) { return codec::load<std::uint64_t>(at); }

enum class FrameKind : std::uint8_t {
  entries = 1,   // replaces what the log holds from first_index on
  truncate = 2,  // the log ends before first_index
  reset = 3,     // the log is empty and goes on at first_index; term is that of the snapshot before it
};

struct FrameHeader {
  FrameKind kind = FrameKind::entries;
  std::uint64_t owner = 0;
  std::uint64_t segment = 0;      // number of the segment it was written for: older ones are left-overs
  std::uint64_t offset = 0;       // in the segment: a misdirected write is noticed
  std::uint64_t seq = 0;          // +1 for each frame, for ever
  std::uint64_t durable_seq = 0;  // all frames up to it were durable when this one was written
  std::uint64_t hard_state_generation = 0;
  raft::Index first_index;
  raft::Term term;  // of the last entry
  std::uint32_t entry_count = 0;
  std::uint32_t payload_bytes = 0;
  Hash128 payload_hash;
  Hash128 previous;  // hash of the header of frame seq - 1

  std::uint64_t frame_bytes() const;  // with header and padding
};

void encode_header(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> out);
// Nothing when magic or checksum do not fit; E_FORMAT_NEWER is the caller's to tell by `version`.
struct DecodedHeader {
  FrameHeader header;
  std::uint16_t version = 0;
};
std::optional<DecodedHeader> decode_header(std::span<const std::byte> bytes);

// Entries of a payload, one after the other.
class EntryReader {
 public:
  EntryReader(std::span<const std::byte> payload, const FrameHeader& header);
  // False at the end or at the first malformed entry: see ok().
  bool next(raft::Entry* out);
  bool ok() const { return ok_; }

 private:
  std::span<const std::byte> rest_;
  raft::Index index_;
  std::uint32_t left_;
  bool ok_ = true;
};

struct SegmentName {
  std::uint64_t number = 0;
  raft::Index first;  // the next index when the segment was begun
};
std::string segment_file(const SegmentName& name);
std::optional<SegmentName> parse_segment_file(std::string_view file);

}  // namespace cairn::wal
