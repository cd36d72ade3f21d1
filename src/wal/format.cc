#include "wal/format.h"

#include <xxhash.h>

#include <charconv>
#include <cstdio>

namespace cairn::wal {
namespace {

constexpr std::uint32_t kFrameMagic = 0x464c5743;  // "CWLF"

// Offsets of the header's fields.
constexpr std::size_t kMagicAt = 0, kVersionAt = 4, kKindAt = 6, kOwnerAt = 8, kSegmentAt = 16,
                      kOffsetAt = 24, kSeqAt = 32, kDurableAt = 40, kGenerationAt = 48, kFirstAt = 56,
                      kTermAt = 64, kCountAt = 72, kPayloadBytesAt = 76, kPayloadHashAt = 80,
                      kPreviousAt = 96, kChecksumAt = 120;

void put_hash(std::byte* at, const Hash128& hash) {
  put_u64(at, hash.low);
  put_u64(at + 8, hash.high);
}

Hash128 get_hash(const std::byte* at) { return {get_u64(at), get_u64(at + 8)}; }

}  // namespace

Hash128 hash128(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

std::uint64_t hash64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint64_t hash_of(std::string_view text) { return hash64(std::as_bytes(std::span(text))); }

std::uint64_t owner_of(const Identity& identity) {
  std::array<std::byte, 16> bytes;
  put_u64(bytes.data(), identity.cluster_id);
  put_u64(bytes.data() + 8, identity.member_id);
  return hash64(bytes);
}

std::uint64_t FrameHeader::frame_bytes() const {
  return (kFrameHeaderBytes + payload_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

void encode_header(const FrameHeader& header, std::span<std::byte, kFrameHeaderBytes> out) {
  std::byte* at = out.data();
  std::fill(out.begin(), out.end(), std::byte{0});
  put_u32(at + kMagicAt, kFrameMagic);
  put_u16(at + kVersionAt, kFormatVersion);
  at[kKindAt] = static_cast<std::byte>(header.kind);
  put_u64(at + kOwnerAt, header.owner);
  put_u64(at + kSegmentAt, header.segment);
  put_u64(at + kOffsetAt, header.offset);
  put_u64(at + kSeqAt, header.seq);
  put_u64(at + kDurableAt, header.durable_seq);
  put_u64(at + kGenerationAt, header.hard_state_generation);
  put_u64(at + kFirstAt, header.first_index.v);
  put_u64(at + kTermAt, header.term.v);
  put_u32(at + kCountAt, header.entry_count);
  put_u32(at + kPayloadBytesAt, header.payload_bytes);
  put_hash(at + kPayloadHashAt, header.payload_hash);
  put_hash(at + kPreviousAt, header.previous);
  put_u64(at + kChecksumAt, hash64(out.first(kChecksumAt)));
}

std::optional<DecodedHeader> decode_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const std::byte* at = bytes.data();
  if (get_u32(at + kMagicAt) != kFrameMagic) return std::nullopt;
  if (get_u64(at + kChecksumAt) != hash64(bytes.first(kChecksumAt))) return std::nullopt;
  DecodedHeader out;
  out.version = get_u16(at + kVersionAt);
  FrameHeader& header = out.header;
  header.kind = static_cast<FrameKind>(std::to_integer<std::uint8_t>(at[kKindAt]));
  header.owner = get_u64(at + kOwnerAt);
  header.segment = get_u64(at + kSegmentAt);
  header.offset = get_u64(at + kOffsetAt);
  header.seq = get_u64(at + kSeqAt);
  header.durable_seq = get_u64(at + kDurableAt);
  header.hard_state_generation = get_u64(at + kGenerationAt);
  header.first_index = raft::Index{get_u64(at + kFirstAt)};
  header.term = raft::Term{get_u64(at + kTermAt)};
  header.entry_count = get_u32(at + kCountAt);
  header.payload_bytes = get_u32(at + kPayloadBytesAt);
  header.payload_hash = get_hash(at + kPayloadHashAt);
  header.previous = get_hash(at + kPreviousAt);
  return out;
}

EntryReader::EntryReader(std::span<const std::byte> payload, const FrameHeader& header)
    : rest_(payload), index_(header.first_index), left_(header.entry_count) {}

bool EntryReader::next(raft::Entry* out) {
  if (left_ == 0) {
    ok_ = ok_ && rest_.empty();
    return false;
  }
  ok_ = false;
  if (rest_.size() < kEntryHeaderBytes) return false;
  const std::uint32_t size = get_u32(rest_.data());
  const std::uint8_t type = std::to_integer<std::uint8_t>(rest_[4]);
  if (size > rest_.size() - kEntryHeaderBytes) return false;
  if (type > static_cast<std::uint8_t>(raft::EntryType::members)) return false;
  out->term = raft::Term{get_u64(rest_.data() + 8)};
  out->index = index_;
  out->type = static_cast<raft::EntryType>(type);
  const char* data = reinterpret_cast<const char*>(rest_.data() + kEntryHeaderBytes);
  out->data = size == 0 ? nullptr : make_bytes(std::string(data, size));
  rest_ = rest_.subspan(kEntryHeaderBytes + size);
  index_ = index_.next();
  --left_;
  ok_ = true;
  return true;
}

std::string segment_file(const SegmentName& name) {
  char text[64];
  std::snprintf(text, sizeof text, "%020llu-%020llu.seg", static_cast<unsigned long long>(name.number),
                static_cast<unsigned long long>(name.first.v));
  return text;
}

std::optional<SegmentName> parse_segment_file(std::string_view file) {
  SegmentName name;
  if (file.size() != 45 || file[20] != '-' || file.substr(41) != ".seg") return std::nullopt;
  const char* text = file.data();
  const auto number = std::from_chars(text, text + 20, name.number);
  const auto first = std::from_chars(text + 21, text + 41, name.first.v);
  if (number.ec != std::errc() || number.ptr != text + 20) return std::nullopt;
  if (first.ec != std::errc() || first.ptr != text + 41) return std::nullopt;
  return name;
}

}  // namespace cairn::wal
