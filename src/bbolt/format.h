// The numbers of the bbolt file format, which etcd keeps its data in: docs/format/backup.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::bbolt {

inline constexpr std::uint32_t kMagic = 0xED0CDAED;
inline constexpr std::uint32_t kVersion = 2;

enum PageFlag : std::uint16_t { kBranch = 0x01, kLeaf = 0x02, kMeta = 0x04, kFreelist = 0x10 };
inline constexpr std::uint32_t kBucketFlag = 0x01;  // of an element of a leaf: its value is a bucket

inline constexpr std::size_t kPageHeadBytes = 16;    // id 8, flags 2, count 2, overflow 4
inline constexpr std::size_t kElementBytes = 16;     // of a branch: position 4, key 4, page 8;
                                                     // of a leaf: flags 4, position 4, key 4, value 4
inline constexpr std::size_t kBucketBytes = 16;      // root page 8, sequence 8
inline constexpr std::size_t kMetaSummedBytes = 56;  // in front of the checksum
inline constexpr std::size_t kMetaBytes = 64;
inline constexpr std::uint64_t kFirstFreePage = 3;  // behind two metas and the list of free pages
inline constexpr std::uint32_t kPageBytesMin = 1024, kPageBytesMax = 65536;

inline std::uint64_t fnv64a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace cairn::bbolt
