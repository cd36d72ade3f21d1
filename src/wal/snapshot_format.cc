#include "wal/snapshot_format.h"

#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/check.h"
#include "raft/members.h"

namespace cairn::wal {
namespace {

constexpr std::uint32_t kMagic = 0x4e534743;  // "CGSN"
// Fast rather than small: a snapshot is written as often as the log grows by its size, and the members' CPU
// is dearer than their disks. Level 1 takes three times as long for two thirds of the bytes.
constexpr int kCompressionLevel = -5;
// A chunk is stored as it is, in a frame of zstd's, unless a sample of it shrinks by an eighth: random values
// cost ten times as much to look through as to copy. The sample is spread over the chunk.
constexpr std::size_t kSampleSlices = 8, kSampleSliceBytes = 4 << 10;
constexpr std::size_t kWorthwhile = 8;
constexpr std::size_t kChunkEntryBytes = 24;
constexpr std::size_t kChecksumBytes = 8;

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class Writer {
 public:
  void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(std::uint32_t value) {
    std::byte bytes[4];
    put_u32(bytes, value);
    out_.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
  }
  void u64(std::uint64_t value) {
    std::byte bytes[8];
    put_u64(bytes, value);
    out_.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
  }
  void bytes(std::string_view value) {
    u32(static_cast<std::uint32_t>(value.size()));
    out_.append(value);
  }
  std::string finish() {
    u64(hash64(as_bytes(out_)));
    return std::move(out_);
  }

 private:
  std::string out_;
};

// Reads past the end give zeros and clear ok().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(as_bytes(bytes)) {}
  std::uint8_t u8() { return std::to_integer<std::uint8_t>(take(1)[0]); }
  std::uint32_t u32() { return get_u32(take(4)); }
  std::uint64_t u64() { return get_u64(take(8)); }
  std::vector<raft::NodeId> ids(std::uint32_t count_max) {
    const std::uint32_t count = u32();
    ok_ = ok_ && count <= count_max && count <= rest_.size() / 8;
    std::vector<raft::NodeId> out;
    for (std::uint32_t i = 0; ok_ && i < count; ++i) out.push_back(raft::NodeId{u64()});
    return out;
  }
  std::string_view bytes() {
    const std::uint32_t size = u32();
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view value(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  bool ok() const { return ok_; }
  std::size_t left() const { return rest_.size(); }

 private:
  const std::byte* take(std::size_t size) {
    static constexpr std::byte kZeros[8]{};
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return kZeros;
    const std::byte* at = rest_.data();
    rest_ = rest_.subspan(size);
    return at;
  }
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

tl::unexpected<Error> damaged(const std::string& where, const std::string& what) {
  return tl::unexpected(snapshot_damaged(where, what));
}

// Version 1 has the lists themselves where later ones have the members' own encoding.
std::optional<raft::Members> read_members_1(Reader* in, const SnapshotLimits& limits) {
  raft::Members out;
  for (auto* list : {&out.voters, &out.voters_old, &out.learners, &out.learners_next})
    *list = in->ids(limits.members_max);
  const std::uint8_t auto_leave = in->u8();
  out.auto_leave = auto_leave == 1;
  if (!in->ok() || auto_leave > 1) return std::nullopt;
  return out;
}

std::optional<raft::Members> read_members(Reader* in, const SnapshotLimits& limits) {
  auto out = raft::decode_members(in->bytes());
  if (!in->ok() || !out) return std::nullopt;
  for (const auto* list : {&out->voters, &out->voters_old, &out->learners, &out->learners_next})
    if (list->size() > limits.members_max) return std::nullopt;
  if (out->incarnations.size() > 4 * std::size_t{limits.members_max}) return std::nullopt;
  return out;
}

Result<std::vector<ChunkInfo>> read_chunks(Reader* in, const std::string& where) {
  const std::uint64_t count = in->u64();
  if (!in->ok() || in->left() % kChunkEntryBytes != 0 || in->left() / kChunkEntryBytes != count)
    return damaged(where, "the manifest's chunk table does not fit its length");
  std::vector<ChunkInfo> out;
  out.reserve(count);
  std::uint64_t offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    ChunkInfo chunk;
    chunk.offset = offset;
    chunk.stored_bytes = in->u32();
    chunk.bytes = in->u32();
    chunk.hash.low = in->u64();
    chunk.hash.high = in->u64();
    if (chunk.bytes == 0 || chunk.bytes > kChunkBytes || chunk.stored_bytes > kStoredChunkBytesMax)
      return damaged(where, "the size of chunk " + std::to_string(i) + " is impossible");
    offset += chunk.stored_bytes;
    out.push_back(chunk);
  }
  return out;
}

}  // namespace

Error snapshot_damaged(const std::string& where, const std::string& what) {
  return {Code::data_loss, "E_SNAPSHOT_DAMAGED: " + where + ": " + what +
                               "; the member needs a snapshot from another member, or a restored backup"};
}

SnapshotInfo Manifest::info() const {
  SnapshotInfo out;
  out.meta = meta;
  out.chunks = chunks.size();
  for (const ChunkInfo& chunk : chunks) {
    out.bytes += chunk.bytes;
    out.stored_bytes += chunk.stored_bytes;
  }
  return out;
}

std::string encode_manifest(const Manifest& manifest) {
  Writer out;
  out.u32(kMagic);
  out.u32(kManifestVersion);
  out.u64(manifest.meta.index.v);
  out.u64(manifest.meta.term.v);
  out.u64(manifest.meta.chain);
  out.bytes(*raft::encode(manifest.meta.members));
  out.u64(manifest.chunks.size());
  for (const ChunkInfo& chunk : manifest.chunks) {
    out.u32(chunk.stored_bytes);
    out.u32(chunk.bytes);
    out.u64(chunk.hash.low);
    out.u64(chunk.hash.high);
  }
  return out.finish();
}

Result<Manifest> parse_manifest(std::string_view bytes, const std::string& where,
                                const SnapshotLimits& limits) {
  if (bytes.size() > limits.manifest_bytes_max)
    return damaged(where, "the manifest is longer than any can be");
  if (bytes.size() < 8 + kChecksumBytes) return damaged(where, "the manifest is cut short");
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (Reader(bytes.substr(content.size())).u64() != hash64(as_bytes(content))) {
    return damaged(where, "the manifest's checksum does not fit");
  }
  Reader in(content);
  if (in.u32() != kMagic) return damaged(where, "this is not a snapshot's manifest");
  const std::uint32_t version = in.u32();
  if (version == 0 || version > kManifestVersion) {
    return fail(Code::failed_precondition, "E_FORMAT_NEWER: " + where + " has format " +
                                               std::to_string(version) + ", this program knows " +
                                               std::to_string(kManifestVersion) +
                                               "; start a newer version of cairn");
  }
  Manifest out;
  out.meta.index = raft::Index{in.u64()};
  out.meta.term = raft::Term{in.u64()};
  if (version > 1) out.meta.chain = in.u64();
  auto members = version > 1 ? read_members(&in, limits) : read_members_1(&in, limits);
  if (!members) return damaged(where, "the manifest's list of members is impossible");
  out.meta.members = std::move(*members);
  out.chunks = TRY(read_chunks(&in, where));
  return out;
}

ChunkPacker::ChunkPacker()
    : context_(ZSTD_createCCtx()), stored_(std::make_unique_for_overwrite<char[]>(kStoredChunkBytesMax)) {
  CHECK(context_ != nullptr);
}

ChunkPacker::~ChunkPacker() { ZSTD_freeCCtx(context_); }

Result<std::string_view> ChunkPacker::pack(std::string_view content) {
  constexpr std::size_t kSampleBytes = kSampleSlices * kSampleSliceBytes;
  if (content.size() <= kSampleBytes) return compress(content, kCompressionLevel);
  char sample[kSampleBytes];
  for (std::size_t i = 0; i < kSampleSlices; ++i) {
    const std::size_t from = (content.size() - kSampleSliceBytes) * i / (kSampleSlices - 1);
    content.copy(sample + i * kSampleSliceBytes, kSampleSliceBytes, from);
  }
  const std::size_t size = TRY(compress({sample, kSampleBytes}, kCompressionLevel)).size();
  const bool shrinks = size <= kSampleBytes - kSampleBytes / kWorthwhile;
  return compress(content, shrinks ? kCompressionLevel : ZSTD_minCLevel());
}

Result<std::string_view> ChunkPacker::compress(std::string_view content, int level) {
  const std::size_t size =
      ZSTD_compressCCtx(context_, stored_.get(), kStoredChunkBytesMax, content.data(), content.size(), level);
  if (ZSTD_isError(size) != 0) return fail(Code::internal, std::string("zstd: ") + ZSTD_getErrorName(size));
  return std::string_view(stored_.get(), size);
}

Status check_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where) {
  if (stored.size() != info.stored_bytes || hash128(as_bytes(stored)) != info.hash) {
    return damaged(where, "its checksum does not fit");
  }
  return {};
}

Status unpack_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where,
                    std::span<char> content) {
  CHECK(content.size() == info.bytes);
  TRY(check_chunk(info, stored, where));
  const std::size_t size = ZSTD_decompress(content.data(), content.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != content.size())
    return damaged(where, "it does not decompress to its size");
  return {};
}

std::string snapshot_name(const raft::SnapshotMeta& meta) {
  char text[48];
  std::snprintf(text, sizeof text, "%020llu-%020llu", static_cast<unsigned long long>(meta.index.v),
                static_cast<unsigned long long>(meta.term.v));
  return text;
}

std::optional<raft::SnapshotMeta> parse_snapshot_name(std::string_view name) {
  raft::SnapshotMeta out;
  if (name.size() != 41 || name[20] != '-') return std::nullopt;
  const char* text = name.data();
  const auto index = std::from_chars(text, text + 20, out.index.v);
  const auto term = std::from_chars(text + 21, text + 41, out.term.v);
  if (index.ec != std::errc() || index.ptr != text + 20) return std::nullopt;
  if (term.ec != std::errc() || term.ptr != text + 41) return std::nullopt;
  return out;
}

}  // namespace cairn::wal
