// A snapshot's manifest as a peer may send it, and a stored chunk. A manifest is refused with a named error,
// or survives being written anew, of the newest version exactly to its bytes; a chunk is refused, or has the
// size that the manifest says. The first byte chooses: 0 manifest, 1 manifest with repaired checksum, 2 chunk
// with a fitting hash.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "wal/snapshot_format.h"

namespace {

using namespace cairn;
using namespace cairn::wal;

void try_manifest(const std::string& bytes) {
  const auto manifest = parse_manifest(bytes, "fuzz");
  if (!manifest) {
    CHECK(manifest.error().message.starts_with("E_"));
    return;
  }
  const std::string again = encode_manifest(*manifest);
  const auto parsed_again = parse_manifest(again, "fuzz");
  CHECK(parsed_again && parsed_again->meta == manifest->meta);
  CHECK(parsed_again->info().stored_bytes == manifest->info().stored_bytes);
  // Behind format, index, term, chain and length lies the version of the members' own encoding.
  constexpr std::size_t kFormatAt = 4, kMembersAt = 36;
  if (bytes[kFormatAt] == again[kFormatAt] && bytes[kMembersAt] == again[kMembersAt]) CHECK(again == bytes);
  CHECK(manifest->info().chunks == manifest->chunks.size());
}

void try_chunk(const std::string& stored) {
  ChunkInfo info;
  info.stored_bytes = static_cast<std::uint32_t>(stored.size());
  info.bytes = 100;
  info.hash = hash128(std::as_bytes(std::span(stored)));
  std::string content(info.bytes, '\0');
  const Status unpacked = unpack_chunk(info, stored, "fuzz", content);
  CHECK(unpacked || unpacked.error().message.starts_with("E_SNAPSHOT_DAMAGED"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 3) {
    case 1:
      if (bytes.size() >= 8) {
        const auto view = std::as_writable_bytes(std::span(bytes));
        put_u64(&view[view.size() - 8], hash64(view.first(view.size() - 8)));
      }
      [[fallthrough]];
    case 0:
      try_manifest(bytes);
      break;
    default:
      try_chunk(bytes);
  }
  return 0;
}
