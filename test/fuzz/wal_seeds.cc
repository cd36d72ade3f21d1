// Writes the seeds of the fuzz targets of the log, and of archives of changes, with the real writers:
// wal_seeds DIRECTORY (test/fuzz/corpora).
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "archive/writer.h"
#include "base/check.h"
#include "sim_disk/sim_disk.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/snapshot_format.h"
#include "wal/wal.h"

namespace {

using namespace cairn;
using namespace cairn::wal;

std::filesystem::path root;

void seed(const char* target, const char* name, char mode, const std::string& content) {
  std::filesystem::create_directories(root / target);
  std::ofstream file(root / target / name, std::ios::binary);
  file << mode << content;
}

raft::Entry entry(std::uint64_t index, std::uint64_t term) {
  raft::Entry out;
  out.index = raft::Index{index};
  out.term = raft::Term{term};
  out.type = raft::EntryType::command;
  out.data = make_bytes("value");
  return out;
}

void segments() {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto opened = Wal::open(disk, "data", {7, 9}, {}, {.segment_bytes = 64 << 10, .spare_segments = 0});
  CHECK(opened.has_value());
  const std::string path = "data/wal/" + segment_file({1, raft::Index{1}});
  const auto keep = [&](const char* name, std::uint64_t blocks) {
    const std::string content = disk.contents(path).substr(0, blocks * kBlockBytes);
    seed("wal_segment_fuzz", name, 0, content);
    seed("wal_segment_fuzz", (std::string(name) + "-repaired").c_str(), 1, content);
  };
  raft::LogWrite write;
  write.entries = {entry(1, 1), entry(2, 1), entry(3, 1)};
  CHECK(opened->wal->append(write).has_value() && opened->wal->sync().has_value());
  keep("one-frame", 1);
  write.entries = {entry(2, 2)};
  CHECK(opened->wal->append(write).has_value() && opened->wal->sync().has_value());
  CHECK(opened->wal->truncate_back(raft::Index{1}).has_value());
  keep("replaced-and-truncated", 3);
  write.entries.clear();
  write.reset_to = raft::SnapshotMeta{raft::Index{10}, raft::Term{2}, {}};
  CHECK(opened->wal->append(write).has_value() && opened->wal->sync().has_value());
  keep("reset", 5);
}

void hard_states() {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto file = HardStateFile::create(disk, "data", 42, {});
  CHECK(file.has_value());
  seed("hard_state_fuzz", "first", 0, disk.contents("data/hardstate"));
  CHECK(file->write({raft::Term{3}, raft::NodeId{2}}, {}).has_value());
  seed("hard_state_fuzz", "voted-repaired", 3, disk.contents("data/hardstate"));
  seed("hard_state_fuzz", "one-copy", 1, disk.contents("data/hardstate").substr(0, kBlockBytes));
  raft::HardState lived{raft::Term{4}, raft::NodeId{3}, raft::Incarnation{7}};
  lived.life = {raft::Incarnation{5}, 3, true, 1, 0xf0f1};
  lived.met = {{raft::NodeId{2}, raft::Incarnation{6}, 4}, {raft::NodeId{3}, raft::Incarnation{7}, 1}};
  lived.starts = {1, 2, 3};
  const Beside beside{{.seq = 7, .segment = 1, .offset = 4096, .next = raft::Index{8}, .frame = {}}, 5};
  CHECK(file->write(lived, beside).has_value());
  seed("hard_state_fuzz", "lived-repaired", 3, disk.contents("data/hardstate"));
  lived.life.full = false;
  lived.has_forgotten = true;
  CHECK(file->write(lived, beside).has_value());
  seed("hard_state_fuzz", "forgot-repaired", 3, disk.contents("data/hardstate"));
}

void watermarks() {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto opened = Wal::open(disk, "data", {7, 9}, {}, {.segment_bytes = 64 << 10, .spare_segments = 0});
  CHECK(opened.has_value());
  seed("watermark_fuzz", "first", 0, disk.contents("data/watermark"));
  raft::LogWrite write;
  write.entries = {entry(1, 1), entry(2, 1)};
  CHECK(opened->wal->append(write).has_value() && opened->wal->close().has_value());
  seed("watermark_fuzz", "noted-repaired", 3, disk.contents("data/watermark"));
  seed("watermark_fuzz", "one-slot", 0, disk.contents("data/watermark").substr(0, kBlockBytes));
}

void snapshots() {
  Manifest manifest;
  manifest.meta = {raft::Index{10}, raft::Term{2}, {}, 0x123456789};
  manifest.meta.members.incarnations = {{raft::NodeId{1}, raft::Incarnation{7}, true},
                                        {raft::NodeId{3}, raft::Incarnation{8}, false}};
  manifest.meta.members.voters = {raft::NodeId{1}, raft::NodeId{2}};
  manifest.meta.members.learners = {raft::NodeId{3}};
  manifest.chunks.resize(2);
  manifest.chunks[0] = {0, 500, kChunkBytes, {1, 2}};
  manifest.chunks[1] = {500, 20, 100, {3, 4}};
  seed("snapshot_fuzz", "manifest", 0, encode_manifest(manifest));
  seed("snapshot_fuzz", "manifest-repaired", 1, encode_manifest(manifest));
  seed("snapshot_fuzz", "chunk", 2, std::string(*ChunkPacker().pack(std::string(100, 'x'))));
}

void archives() {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  auto writer = archive::Writer::create(
      disk, "data", "a",
      {.lineage = 7, .cluster_id = 9, .after = 4, .created_ms = 100, .base = "cairn-20261130T125016Z-r4.db"});
  CHECK(writer.has_value());
  seed("archive_fuzz", "head", 0, disk.contents("data/a"));
  CHECK((*writer)->changes(110, {{false, "first"}, {true, "second"}}).has_value());
  CHECK((*writer)->lease(55, 60).has_value() && (*writer)->mark(120).has_value());
  CHECK((*writer)->changes(130, {{false, "third"}}).has_value());
  const std::string whole = disk.contents("data/a");
  seed("archive_fuzz", "whole", 0, whole);
  seed("archive_fuzz", "torn", 0, whole.substr(0, whole.size() - 3));
  archive::Frame frame;
  frame.kind = archive::Kind::changes;
  frame.revision = 5;
  frame.changes = {{false, "first"}, {true, "second"}};
  std::string bytes;
  archive::append(frame, &bytes);
  seed("archive_fuzz", "body", 1, bytes.substr(archive::kFrontBytes));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: wal_seeds DIRECTORY\n");
    return 2;
  }
  root = argv[1];
  segments();
  hard_states();
  watermarks();
  snapshots();
  archives();
  return 0;
}
