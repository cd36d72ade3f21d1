// The manifest of a snapshot: what it is, and size and hash of every chunk. docs/format/snapshot.md.
// Pure functions; a manifest comes from disk or from a peer and is not trusted before it is parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "raft/types.h"
#include "wal/format.h"
#include "wal/snapshot_store.h"

namespace cairn::wal {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;  // uncompressed; only the last may be smaller
constexpr std::size_t kStoredChunkBytesMax = kChunkBytes + (64 << 10);  // zstd's own bound for 1 MiB is below
constexpr std::size_t kManifestBytesMax = std::size_t{64} << 20;        // 2.7 million chunks
constexpr std::uint32_t kMembersMax = 1024;                             // of one list

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
// `where` names the source in errors: E_SNAPSHOT_DAMAGED or E_FORMAT_NEWER.
Result<Manifest> parse_manifest(std::string_view bytes, const std::string& where);

// One chunk as stored <-> its content. unpack checks hash and sizes first.
Result<std::string> pack_chunk(std::string_view content);
Status check_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where);
Result<std::string> unpack_chunk(const ChunkInfo& info, std::string_view stored, const std::string& where);

std::string snapshot_name(const raft::SnapshotMeta& meta);
std::optional<raft::SnapshotMeta> parse_snapshot_name(std::string_view name);  // index and term only

}  // namespace cairn::wal
