// The content of the watermark. A log of two entries opens beside it or is refused with a named error; when
// forgetting is allowed, it always opens. It has entries 1 and 2, or none: only where the watermark says, of
// a later frame, that the log was emptied by it, and nothing says that the watermark is an older one. Opened
// again, it has the same. The first byte chooses: bit 0 repairs checksum and owner of the first slot, bit 1
// those of the second.
#include <cstdint>
#include <optional>
#include <string>

#include "base/check.h"
#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/wal.h"
#include "wal/watermark.h"

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

// Both entries are in frame 1, which was written under generation 2 of the hard state.
bool says_emptied(sim::SimDisk& disk) {
  const auto slots = read_watermark(disk, "data", owner_of(kIdentity));
  const auto slot = slots ? newest(*slots) : std::nullopt;
  return slot && slot->mark.next == raft::Index{1} && slot->mark.seq > 1 &&
         slot->mark.hard_state_generation >= 2;
}

void check_content(sim::SimDisk& disk, const Options& options, const Wal::Opened& opened, bool may_be_empty) {
  const std::size_t count = opened.entries.size();
  CHECK(count == 2 || (count == 0 && may_be_empty));
  const auto again = Wal::open(disk, "data", kIdentity, {}, options);
  CHECK(again.has_value() && again->entries.size() == count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  for (std::size_t slot = 0; slot < 2; ++slot) {
    if (((data[0] >> slot) & 1) != 0) repair(&content, slot);
  }
  const Options options{.segment_bytes = 64 << 10, .spare_segments = 0};
  sim::SimDisk disk;
  disk.put("data/junk", "");
  write_two_entries(disk, options);
  disk.put("data/watermark", content);
  const bool emptied = says_emptied(disk);
  const auto strict = Wal::open(disk, "data", kIdentity, {}, options);
  if (strict) {
    CHECK(strict->report.lost.empty());
    check_content(disk, options, *strict, emptied);
    return 0;
  }
  const Error& error = strict.error();
  CHECK(error.message.starts_with("E_"));
  Options forgetting = options;
  forgetting.on_loss = OnLoss::forget;
  const auto opened = Wal::open(disk, "data", kIdentity, {}, forgetting);
  CHECK(opened.has_value() == (error.code == Code::data_loss));
  if (opened)
    check_content(disk, options, *opened, emptied && !error.message.starts_with("E_WATERMARK_STALE"));
  return 0;
}
