// The manifest of a snapshot: what it is, and size and hash of every chunk. docs/format/snapshot.md.
// Pure functions; a manifest comes from disk or from a peer and is not trusted before it is parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "raft/types.h"
#include "wal/format.h"
#include "wal/snapshot_store.h"

struct ZSTD_CCtx_s;

namespace cairn::wal {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;  // uncompressed; only the last may be smaller
constexpr std::size_t kStoredChunkBytesMax = kChunkBytes + (64 << 10);  // zstd's own bound for 1 MiB is below
constexpr std::uint32_t kManifestVersion = 2;  // 1 had neither incarnations nor chain

struct ChunkInfo {
  std::uint64_t offset = 0;  // in the chunks file; follows from the sizes before it
  std::uint32_t stored_bytes = 0;
  std::uint32_t bytes = 0;
  Hash128 hash;  // of the stored bytes
};

struct Manifest {
  raft::SnapshotMeta meta;
  std::vector<ChunkInfo> chunks;

  SnapshotInfo info() const;
};

std::string encode_manifest(const Manifest& manifest);
// Of this version and those before it. `where` names the source in errors: E_SNAPSHOT_DAMAGED or
// E_FORMAT_NEWER.
Result<Manifest> parse_manifest(std::string_view bytes, const std::string& where,
                                const SnapshotLimits& limits = {});
// The error for a snapshot of which something is not as it was written.
Error snapshot_damaged(const std::string& where, const std::string& what);

// Turns the content of one chunk after the other into what is stored. Equal contents come to equal bytes.
class ChunkPacker {
 public:
  ChunkPacker();
  ~ChunkPacker();
  ChunkPacker(const ChunkPacker&) = delete;
  ChunkPacker& operator=(const ChunkPacker&) = delete;
  // At most kChunkBytes. The answer is good until the next call.
  Result<std::string_view> pack(std::string_view content);

 private:
  Result<std::string_view> compress(std::string_view content, int level);

  ZSTD_CCtx_s* const context_;
  const std::unique_ptr<char[]> stored_;
};

Status check_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where);
// Checks hash and sizes first. `content` has info.bytes.
Status unpack_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where,
                    std::span<char> content);

std::string snapshot_name(const raft::SnapshotMeta& meta);
std::optional<raft::SnapshotMeta> parse_snapshot_name(std::string_view name);  // index and term only

}  // namespace cairn::wal
