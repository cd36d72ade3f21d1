#include "wal/packing.h"

#include <algorithm>

#include "wal/format.h"

namespace cairn::wal {
namespace {

class Packer {
 public:
  Packer(const Place& place, Needs* needs) : place_(place), needs_(*needs) {}

  void close_frame() {
    if (place_.open_bytes == 0) return;
    const std::uint64_t bytes = (place_.open_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    place_.open_bytes = 0;
    const bool fits = place_.offset + bytes <= place_.segment_bytes;
    if (!fits && place_.offset == 0) {
      needs_.tail_bytes = bytes;
    } else if (!fits) {
      needs_.segments.push_back(bytes);
      place_.offset = 0;
      place_.closed_bytes = 0;
    }
    place_.offset += bytes;
    place_.closed_bytes += bytes;
  }

  void add(const raft::Entry& entry) {
    const bool full = place_.open_bytes > place_.frame_target_bytes;
    if (full || entry.index != place_.next) close_frame();
    if (place_.closed_bytes + place_.open_bytes > place_.buffer_bytes_max) {
      close_frame();
      place_.closed_bytes = 0;
    }
    if (place_.open_bytes == 0) place_.open_bytes = kFrameHeaderBytes;
    place_.open_bytes += kEntryHeaderBytes + (entry.data == nullptr ? 0 : entry.data->size());
    place_.next = entry.index.next();
  }

  void add_control_frame() {
    close_frame();
    place_.open_bytes = kFrameHeaderBytes;
    close_frame();
  }

  void reset_to(raft::Index index) { place_.next = index.next(); }

 private:
  Place place_;
  Needs& needs_;
};

}  // namespace

Needs needs_of(Place place, const raft::LogWrite& write) {
  Needs needs;
  Packer packer(place, &needs);
  if (write.reset_to) {
    packer.add_control_frame();
    packer.reset_to(write.reset_to->index);
  }
  for (const raft::Entry& entry : write.entries) packer.add(entry);
  packer.close_frame();
  return needs;
}

}  // namespace cairn::wal
