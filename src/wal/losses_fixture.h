// Test helpers: a log of thirty entries in two segments, and what can be done to its files.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "wal/format.h"
#include "wal/log_fixture.h"

namespace cairn::wal::test {

constexpr std::uint64_t kEntries = 30;
constexpr std::uint64_t kInFirstSegment = 16;  // of 64 KiB, a block each
inline const raft::HardState kVoted{raft::Term{3}, raft::NodeId{2}, raft::Incarnation{44}};

inline void fill(Log& log, bool noted = true, std::uint64_t founded = 0) {
  raft::LogWrite write;
  write.hard_state = kVoted;
  if (founded != 0) {
    write.hard_state->life = log.opened().hard_state.life;
    write.hard_state->life.founded = founded;
  }
  ASSERT_TRUE(log.wal().append(write));
  for (std::uint64_t i = 1; i <= kEntries; ++i) {
    log.append(i, 2, "value " + std::to_string(i));
    log.sync();
  }
  if (noted) {
    ASSERT_TRUE(log.wal().close());
  }
  log.die();
}

inline void zero_frames(Log& log, std::uint64_t first, std::uint64_t last) {
  const std::vector<std::string> segments = log.segments();
  for (std::uint64_t i = first; i <= last; ++i) {
    const bool in_first = i <= kInFirstSegment;
    log.disk.overwrite(segments[in_first ? 0 : 1], (i - 1 - (in_first ? 0 : kInFirstSegment)) * kBlockBytes,
                       std::string(kBlockBytes, '\0'));
  }
}
inline void remove(Log& log, const std::string& path) {
  ASSERT_TRUE(log.disk.remove(path)) << path;
  ASSERT_TRUE(log.disk.sync_dir(path.substr(0, path.rfind('/'))));
}
inline void flip_both(Log& log, const std::string& path) {
  for (const std::uint64_t block : {0, 1}) log.disk.flip_bit(path, (block * kBlockBytes + 33) * 8);
}

inline std::map<std::string, std::string> all_files(const Log& log) {
  std::map<std::string, std::string> out;
  for (const std::string& path : log.disk.files()) out[path] = log.disk.contents(path);
  return out;
}

}  // namespace cairn::wal::test
