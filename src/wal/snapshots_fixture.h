// Store: a SnapshotStore on a simulated disk, and snapshots to put there, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "sim_disk/sim_disk.h"
#include "wal/log_fixture.h"
#include "wal/snapshot_format.h"
#include "wal/snapshot_store.h"

namespace cairn::wal::test {

inline std::string noise(std::size_t size, std::uint64_t seed) {
  Prng prng(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(prng.next());
  return out;
}

inline raft::SnapshotMeta meta_at(std::uint64_t index) {
  raft::SnapshotMeta meta = snapshot_at(index, 2);
  meta.members.voters = {raft::NodeId{1}, raft::NodeId{2}, raft::NodeId{3}};
  meta.members.voters_old = {raft::NodeId{1}, raft::NodeId{4}};
  meta.members.learners = {raft::NodeId{5}};
  meta.members.learners_next = {raft::NodeId{4}};
  meta.members.auto_leave = true;
  meta.members.incarnations = {{raft::NodeId{1}, raft::Incarnation{71}, true},
                               {raft::NodeId{5}, raft::Incarnation{75}, false}};
  meta.chain = 0x1234567890abcdef;
  return meta;
}

struct Store {
  sim::SimDisk disk;
  std::unique_ptr<SnapshotStore> store;

  Store() {
    disk.put("data/junk", "");
    open();
  }
  void open(const SnapshotLimits& limits = {}) {
    auto result = SnapshotStore::open(disk, "data", limits);
    ASSERT_TRUE(result) << result.error().message;
    store = std::move(*result);
  }
  Status save(std::uint64_t index, std::string_view content, std::size_t piece_size = 300000) {
    auto writer = TRY(store->create(meta_at(index)));
    while (!content.empty()) {
      const std::string_view piece = content.substr(0, piece_size);
      TRY(writer->write(piece));
      content.remove_prefix(piece.size());
    }
    return writer->publish();
  }
  Result<std::string> load(std::uint64_t index, std::size_t piece_size = 70000) {
    const auto source = TRY(store->read(meta_at(index)));
    std::string out;
    std::vector<char> piece(piece_size);
    while (const std::size_t size = TRY(source->read(piece))) out.append(piece.data(), size);
    return out;
  }
  std::string chunks_path(std::uint64_t index) {
    for (const std::string& file : disk.files()) {
      if (file.find("/" + std::string(20 - std::to_string(index).size(), '0') + std::to_string(index) +
                    "-") != std::string::npos &&
          file.ends_with("/chunks")) {
        return file;
      }
    }
    return "";
  }
  std::string manifest_path(std::uint64_t index) {
    return "data/snap/" + snapshot_name(meta_at(index)) + "/MANIFEST";
  }
  std::vector<std::uint64_t> candidates() {
    std::vector<std::uint64_t> out;
    for (const SnapshotInfo& info : store->candidates()) out.push_back(info.meta.index.v);
    return out;
  }
  std::vector<std::uint64_t> damaged() {
    std::vector<std::uint64_t> out;
    for (const DamagedSnapshot& each : store->damaged()) out.push_back(each.meta.index.v);
    return out;
  }
};

using Indexes = std::vector<std::uint64_t>;

inline std::string quarantined(std::uint64_t index) {
  return "data/quarantine/snap-" + snapshot_name(meta_at(index));
}

}  // namespace cairn::wal::test
