// The content of the watermark. A log of two entries opens beside it or is refused with a named error; when
// forgetting is allowed, it always opens, with entries 1 and 2, or with none. The first byte chooses: bit 0
// repairs checksum and owner of the first slot, bit 1 those of the second.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/wal.h"

namespace {

using namespace cairn;
using namespace cairn::wal;

constexpr Identity kIdentity{7, 9};

void repair(std::string* content, std::size_t slot) {
  if (content->size() < (slot + 1) * kBlockBytes) return;
  const auto block = std::as_writable_bytes(std::span(*content)).subspan(slot * kBlockBytes, kBlockBytes);
  put_u64(&block[8], owner_of(kIdentity));
  put_u64(&block[kBlockBytes - 8], hash64(block.first(kBlockBytes - 8)));
}

void write_two_entries(sim::SimDisk& disk, const Options& options) {
  auto opened = Wal::open(disk, "data", kIdentity, {}, options);
  CHECK(opened.has_value());
  raft::LogWrite write;
  for (const std::uint64_t index : {1U, 2U}) {
    write.entries.push_back({raft::Term{1}, raft::Index{index}, raft::EntryType::noop, nullptr});
  }
  CHECK(opened->wal->append(write).has_value() && opened->wal->close().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  for (std::size_t slot = 0; slot < 2; ++slot) {
    if (((data[0] >> slot) & 1) != 0) repair(&content, slot);
  }
  Options options{.segment_bytes = 64 << 10, .spare_segments = 0};
  sim::SimDisk disk;
  disk.put("data/junk", "");
  write_two_entries(disk, options);
  disk.put("data/watermark", content);
  const auto strict = Wal::open(disk, "data", kIdentity, {}, options);
  if (strict) {
    CHECK(strict->entries.size() % 2 == 0 && strict->report.lost.empty());
    return 0;
  }
  CHECK(strict.error().message.starts_with("E_"));
  options.on_loss = OnLoss::forget;
  const auto opened = Wal::open(disk, "data", kIdentity, {}, options);
  CHECK(opened.has_value() == (strict.error().code == Code::data_loss));
  CHECK(!opened || opened->entries.size() == 2);
  return 0;
}
