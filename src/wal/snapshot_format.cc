#include "wal/snapshot_format.h"

#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/check.h"
#include "base/codec.h"
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

using codec::put_fixed;
using codec::Reader;

tl::unexpected<Error> damaged(const std::string& where, const std::string& what) {
  return tl::unexpected(snapshot_damaged(where, what));
}

std::vector<raft::NodeId> read_ids(Reader* in) {
  const auto count = in->fixed_count<std::uint32_t>(sizeof(std::uint64_t));
  std::vector<raft::NodeId> out;
  for (std::uint32_t i = 0; i < count; ++i) out.emplace_back(in->fixed<std::uint64_t>());
  return out;
}

bool fit(const raft::Members& members, const SnapshotLimits& limits) {
  for (const auto* list : {&members.voters, &members.voters_old, &members.learners, &members.learners_next})
    if (list->size() > limits.members_max) return false;
  const std::size_t all = 4 * std::size_t{limits.members_max};
  return members.incarnations.size() <= all && members.about.size() <= all;
}

// Version 1 has the lists themselves where later ones have the members' own encoding, which says what is
// impossible: ids out of order, or repeated.
std::optional<raft::Members> read_members_1(Reader* in, const SnapshotLimits& limits) {
  raft::Members out;
  for (auto* list : {&out.voters, &out.voters_old, &out.learners, &out.learners_next}) *list = read_ids(in);
  out.auto_leave = in->flag();
  if (!in->ok() || !fit(out, limits)) return std::nullopt;
  return raft::decode_members(*raft::encode(out));
}

std::optional<raft::Members> read_members(Reader* in, const SnapshotLimits& limits) {
  auto out = raft::decode_members(in->bytes(in->fixed<std::uint32_t>()));
  if (!in->ok() || !out || !fit(*out, limits)) return std::nullopt;
  return out;
}

Result<std::vector<ChunkInfo>> read_chunks(Reader* in, const std::string& where) {
  const std::uint64_t count = in->fixed<std::uint64_t>();
  if (!in->ok() || in->left() % kChunkEntryBytes != 0 || in->left() / kChunkEntryBytes != count)
    return damaged(where, "the manifest's chunk table does not fit its length");
  std::vector<ChunkInfo> out;
  out.reserve(count);
  std::uint64_t offset = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    ChunkInfo chunk;
    chunk.offset = offset;
    chunk.stored_bytes = in->fixed<std::uint32_t>();
    chunk.bytes = in->fixed<std::uint32_t>();
    chunk.hash.low = in->fixed<std::uint64_t>();
    chunk.hash.high = in->fixed<std::uint64_t>();
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
  std::string out;
  put_fixed(&out, kMagic);
  put_fixed(&out, kManifestVersion);
  put_fixed(&out, manifest.meta.index.v);
  put_fixed(&out, manifest.meta.term.v);
  put_fixed(&out, manifest.meta.chain);
  const Bytes members = raft::encode(manifest.meta.members);
  put_fixed(&out, static_cast<std::uint32_t>(members->size()));
  out.append(*members);
  put_fixed(&out, std::uint64_t{manifest.chunks.size()});
  for (const ChunkInfo& chunk : manifest.chunks) {
    put_fixed(&out, chunk.stored_bytes);
    put_fixed(&out, chunk.bytes);
    put_fixed(&out, chunk.hash.low);
    put_fixed(&out, chunk.hash.high);
  }
  put_fixed(&out, hash64(as_bytes(out)));
  return out;
}

Result<Manifest> parse_manifest(std::string_view bytes, const std::string& where,
                                const SnapshotLimits& limits) {
  if (bytes.size() > limits.manifest_bytes_max)
    return damaged(where, "the manifest is longer than any can be");
  if (bytes.size() < 8 + kChecksumBytes) return damaged(where, "the manifest is cut short");
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (codec::load<std::uint64_t>(bytes.data() + content.size()) != hash64(as_bytes(content))) {
    return damaged(where, "the manifest's checksum does not fit");
  }
  Reader in(content);
  if (in.fixed<std::uint32_t>() != kMagic) return damaged(where, "this is not a snapshot's manifest");
  const std::uint32_t version = in.fixed<std::uint32_t>();
  if (version == 0 || version > kManifestVersion) {
    return fail(Code::failed_precondition, "E_FORMAT_NEWER: " + where + " has format " +
                                               std::to_string(version) + ", this program knows " +
                                               std::to_string(kManifestVersion) +
                                               "; start a newer version of cairn");
  }
  Manifest out;
  out.meta.index = raft::Index{in.fixed<std::uint64_t>()};
  out.meta.term = raft::Term{in.fixed<std::uint64_t>()};
  if (version > 1) out.meta.chain = in.fixed<std::uint64_t>();
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
