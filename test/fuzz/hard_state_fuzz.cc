// The content of the hard state file. Opening refuses with a named error, or gives a state that survives a
// rewrite. The first byte chooses: bit 0 repairs checksum and owner of copy A, bit 1 those of copy B.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/hard_state.h"

namespace {

using namespace cairn;
using namespace cairn::wal;

constexpr std::uint64_t kOwner = 42;

void repair(std::string* content, std::size_t copy) {
  if (content->size() < (copy + 1) * kBlockBytes) return;
  const auto block = std::as_writable_bytes(std::span(*content)).subspan(copy * kBlockBytes, kBlockBytes);
  put_u64(&block[8], kOwner);
  put_u64(&block[kBlockBytes - 8], hash64(block.first(kBlockBytes - 8)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  for (std::size_t copy = 0; copy < 2; ++copy) {
    if (((data[0] >> copy) & 1) != 0) repair(&content, copy);
  }
  sim::SimDisk disk;
  disk.put("data/hardstate", content);
  auto opened = HardStateFile::open(disk, "data", kOwner);
  if (!opened) {
    CHECK(opened.error().message.starts_with("E_"));
    return 0;
  }
  const raft::HardState before = opened->state();
  const auto again = HardStateFile::open(disk, "data", kOwner);
  CHECK(again.has_value() && again->state() == before);
  raft::HardState next = before;
  next.term = before.term.next();
  next.vote = raft::NodeId{3};
  const Beside beside{{.seq = 7, .segment = 1, .offset = 4096, .next = raft::Index{8}, .frame = {}}, 5};
  CHECK(opened->write(next, beside).has_value());
  const auto written = HardStateFile::open(disk, "data", kOwner);
  CHECK(written.has_value() && written->state() == next && written->beside() == beside);
  return 0;
}
