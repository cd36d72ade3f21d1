#include "flip_sweep/damage.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "wal/format.h"
#include "wal/snapshot_format.h"

namespace cairn::sweep {
namespace {

constexpr std::uint64_t kSmallFileHeaderBytes = 96;  // hardstate, watermark, IDENTITY: all fields lie before
constexpr std::uint64_t kChecksumBytes = 8;

struct Part {  // of a file, in order, without overlaps
  std::uint64_t begin = 0, end = 0;
  Use use = Use::record;
  bool header = false;
};

bool is_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

std::vector<Part> parts_of_segment(const std::string& content, const wal::SegmentName& name,
                                   raft::Index snapshot) {
  std::vector<Part> parts;
  const auto bytes = std::as_bytes(std::span(content));
  for (std::uint64_t at = 0; at + wal::kFrameHeaderBytes <= bytes.size();) {
    const auto decoded = wal::decode_header(bytes.subspan(at, wal::kFrameHeaderBytes));
    if (!decoded || decoded->header.segment != name.number || decoded->header.offset != at) {
      at += wal::kBlockBytes;  // what an earlier use of the file left behind
      continue;
    }
    const wal::FrameHeader& header = decoded->header;
    const bool covered =
        header.kind == wal::FrameKind::entries && header.first_index.v + header.entry_count <= snapshot.v + 1;
    const Use use = covered ? Use::covered : Use::record;
    const std::uint64_t payload = at + wal::kFrameHeaderBytes;
    parts.push_back({at, payload, use, true});
    parts.push_back({payload, payload + header.payload_bytes, use, false});
    at += header.frame_bytes();
  }
  return parts;
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::vector<Part> parts_of(const std::string& path, const std::string& content, raft::Index snapshot) {
  const std::string name = file_name(path);
  const std::uint64_t size = content.size();
  if (const auto segment = wal::parse_segment_file(name))
    return parts_of_segment(content, *segment, snapshot);
  if (path.find("/snap/") != std::string::npos) {
    const std::string folder = path.substr(0, path.rfind('/'));
    const auto meta = wal::parse_snapshot_name(file_name(folder));
    const bool newest = meta && meta->index == snapshot;
    return {{0, size, newest ? Use::record : Use::older, name == "MANIFEST"}};
  }
  if (name == "hardstate" || name == "watermark" || name == "IDENTITY") {
    std::vector<Part> parts;
    const std::uint64_t copy = size / 2;
    for (std::uint64_t at = 0; at + copy <= size && copy > 0; at += copy) {
      parts.push_back({at, at + kSmallFileHeaderBytes, Use::record, true});
      parts.push_back({at + kSmallFileHeaderBytes, at + copy - kChecksumBytes, Use::record, false});
      parts.push_back({at + copy - kChecksumBytes, at + copy, Use::record, true});
    }
    return parts;
  }
  return {};
}

std::string changed(const Damage& damage, const std::string& content) {
  std::string out = content;
  const std::uint64_t size =
      damage.offset < out.size() ? std::min<std::uint64_t>(wal::kBlockBytes, out.size() - damage.offset) : 0;
  switch (damage.harm) {
    case Harm::flip_bit:
      out[damage.offset] = static_cast<char>(out[damage.offset] ^ (1 << damage.offset % 8));
      break;
    case Harm::zero_block:
      out.replace(damage.offset, size, size, '\0');
      break;
    case Harm::stale_block: {  // as if the write before it had gone here
      const std::uint64_t from = damage.offset - wal::kBlockBytes;
      for (std::uint64_t i = 0; i < size; ++i) out[damage.offset + i] = content[from + i];
      break;
    }
    case Harm::halve_file:
      out.resize(out.size() / 2);
      break;
    case Harm::lose_file:
      break;
  }
  return out;
}

// The worst of what lies under the bytes that it changes.
Use use_of(const Damage& damage, const std::string& content, const std::vector<Part>& parts) {
  const std::string after = damage.harm == Harm::lose_file ? std::string() : changed(damage, content);
  Use worst = Use::no_record;
  for (const Part& part : parts) {
    const auto piece = [&part](const std::string& of) {
      return part.begin < of.size() ? std::string_view(of).substr(part.begin, part.end - part.begin)
                                    : std::string_view();
    };
    if (piece(content) != piece(after)) worst = std::min(worst, part.use);
  }
  return worst;
}

void add_to_blocks(const std::string& path, const std::string& content, const std::vector<Part>& parts,
                   std::vector<Damage>* out) {
  for (std::uint64_t at = 0; at < content.size(); at += wal::kBlockBytes) {
    const std::string_view block = std::string_view(content).substr(at, wal::kBlockBytes);
    // In the middle of what matters there, if anything does.
    std::uint64_t flip = at + block.size() / 2;
    for (const Part& part : parts) {
      const std::uint64_t begin = std::max(part.begin, at);
      const std::uint64_t end = std::min<std::uint64_t>(part.end, at + block.size());
      if (begin < end && !part.header) flip = begin + (end - begin) / 2;
    }
    out->push_back({Harm::flip_bit, path, flip, false, {}});
    if (!is_zero(block)) out->push_back({Harm::zero_block, path, at, false, {}});
    if (at > 0 && block != std::string_view(content).substr(at - wal::kBlockBytes, block.size()))
      out->push_back({Harm::stale_block, path, at, false, {}});
  }
}

}  // namespace

const char* name_of(Use use) {
  static constexpr const char* kNames[] = {"record", "older snapshot", "covered", "no record"};
  return kNames[static_cast<std::size_t>(use)];
}

const char* name_of(Harm harm) {
  static constexpr const char* kNames[] = {"flip a bit", "zero a block", "stale block", "lose the file",
                                           "halve the file"};
  return kNames[static_cast<std::size_t>(harm)];
}

std::string Damage::describe() const {
  return std::string(name_of(harm)) + " at " + path + ":" + std::to_string(offset) + " (" + name_of(use) +
         ")";
}

std::vector<Damage> all_damages(const Image& image, raft::Index snapshot) {
  std::vector<Damage> out;
  for (const auto& [path, content] : image) {
    if (content.empty()) continue;  // the lock
    const std::size_t first = out.size();
    const std::vector<Part> parts = parts_of(path, content, snapshot);
    for (const Part& part : parts)
      for (std::uint64_t at = part.begin; part.header && at < part.end; ++at)
        out.push_back({Harm::flip_bit, path, at, true, {}});
    add_to_blocks(path, content, parts, &out);
    out.push_back({Harm::lose_file, path, 0, false, {}});
    out.push_back({Harm::halve_file, path, 0, false, {}});
    for (std::size_t i = first; i < out.size(); ++i) out[i].use = use_of(out[i], content, parts);
  }
  return out;
}

void apply(const Damage& damage, Image* image) {
  if (damage.harm == Harm::lose_file) {
    image->erase(damage.path);
    return;
  }
  std::string& content = image->at(damage.path);
  content = changed(damage, content);
}

}  // namespace cairn::sweep
