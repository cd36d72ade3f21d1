// The content of a log segment. Whatever the bytes, opening either refuses with a named error, or gives a log
// that can be read, appended to and opened again with the same content. The first byte chooses: bit 0 repairs
// the checksums of all frames, so that what lies behind them is reached; bit 1 opens so that what is lost is
// forgotten, which another member's disk and a newer format alone can prevent.
#include <algorithm>
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
constexpr std::uint64_t kSegmentBytes = std::uint64_t{64} << 10;
constexpr Options kOptions{.segment_bytes = kSegmentBytes, .spare_segments = 0};

void repair(std::string* content) {
  const auto bytes = std::as_writable_bytes(std::span(*content));
  Hash128 previous;
  std::uint64_t seq = 1;
  for (std::uint64_t at = 0; at + kBlockBytes <= bytes.size();) {
    const auto header = bytes.subspan(at, kFrameHeaderBytes);
    FrameHeader frame;
    frame.kind = static_cast<FrameKind>(std::to_integer<std::uint8_t>(header[6]));
    frame.owner = owner_of(kIdentity);
    frame.segment = 1;
    frame.offset = at;
    frame.seq = seq++;
    frame.durable_seq = get_u64(&header[40]);
    frame.hard_state_generation = get_u64(&header[48]) % 2;
    frame.first_index = raft::Index{get_u64(&header[56])};
    frame.term = raft::Term{get_u64(&header[64])};
    frame.entry_count = get_u32(&header[72]);
    frame.payload_bytes = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(get_u32(&header[76]), bytes.size() - at - kFrameHeaderBytes));
    frame.payload_hash = hash128(bytes.subspan(at + kFrameHeaderBytes, frame.payload_bytes));
    frame.previous = previous;
    encode_header(frame, header.first<kFrameHeaderBytes>());
    previous = hash128(header);
    at += frame.frame_bytes();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 2 * kSegmentBytes) return 0;
  std::string content(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0) repair(&content);

  sim::SimDisk disk;
  disk.put("data/junk", "");
  CHECK(Wal::open(disk, "data", kIdentity, {}, kOptions).has_value());
  disk.put("data/wal/" + segment_file({1, raft::Index{1}}), content);
  Options options = kOptions;
  const bool forget = (data[0] & 2) != 0;
  if (forget) options.on_loss = OnLoss::forget;
  auto first = Wal::open(disk, "data", kIdentity, {}, options);
  if (!first) {
    CHECK(first.error().message.starts_with("E_"));
    CHECK(!forget || first.error().code != Code::data_loss);
    return 0;
  }
  for (const raft::Entry& entry : first->entries) {
    const auto read = first->wal->read(entry.index);
    CHECK(read.has_value() && read->term == entry.term);
  }
  raft::LogWrite write;
  raft::Entry more;
  const std::size_t before = first->entries.size();
  more.index = before == 0 ? raft::Index{1} : first->entries.back().index.next();
  more.term = first->hard_state.term;
  write.entries.push_back(more);
  CHECK(first->wal->append(write).has_value());
  CHECK(first->wal->close().has_value());
  const auto second = Wal::open(disk, "data", kIdentity, {}, kOptions);
  CHECK(second.has_value());
  CHECK(second->entries.size() == before + 1);
  for (std::size_t i = 0; i < before; ++i) {
    CHECK(second->entries[i].index == first->entries[i].index &&
          second->entries[i].term == first->entries[i].term);
  }
  CHECK(second->report.torn_bytes == 0);  // whatever lay behind the end was cut by the first
  return 0;
}
