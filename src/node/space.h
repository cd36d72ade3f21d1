// What a leader still proposes when the disks have no room for the log: what makes room in the end gets in,
// what would only fill them is refused before it is proposed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::raft {
struct State;
}

namespace cairn::node {

// This member leads, and too few disks have room for everything.
bool lacks_space(const raft::State& state);

struct Sifted {               // two serialized Batches
  std::string kept, refused;  // refused: puts, and transactions that could put
  std::vector<std::uint64_t> kept_ids, refused_ids;
};
Sifted sift(std::string_view batch);

}  // namespace cairn::node
