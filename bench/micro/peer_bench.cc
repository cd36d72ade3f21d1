// What a message between members costs beside the socket: encoding with its frame's checksum, and the way
// back.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "peer/codec.h"
#include "peer/frame.h"

namespace cairn::peer {
namespace {

constexpr std::size_t kFrameBytesMax = std::size_t{64} << 20;

// An append of so many entries of so many bytes each.
raft::Message append_of(std::int64_t entries, std::int64_t bytes) {
  raft::AppendRequest append;
  append.prev_index = raft::Index(1000);
  append.prev_term = raft::Term(3);
  append.commit = raft::Index(990);
  for (std::int64_t i = 0; i < entries; ++i)
    append.entries.push_back({raft::Term(3), raft::Index(1001 + static_cast<std::uint64_t>(i)),
                              raft::EntryType::command,
                              make_bytes(std::string(static_cast<std::size_t>(bytes), 'v'))});
  return {raft::NodeId(1), raft::NodeId(2), raft::Term(3), std::move(append)};
}

raft::Message reply() {
  return {raft::NodeId(2), raft::NodeId(1), raft::Term(3),
          raft::AppendReply{true, raft::Index(1100), raft::Index(0), raft::Term(0), 7}};
}

void frame(const raft::Message& message, std::string* out) {
  const std::size_t at = begin_frame(out, FrameType::message);
  encode_message(message, out);
  end_frame(out, at);
}

void encode(benchmark::State& state, const raft::Message& message) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    frame(message, &out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

void decode(benchmark::State& state, const raft::Message& message) {
  std::string bytes;
  frame(message, &bytes);
  FrameReader reader(kFrameBytesMax);
  for (auto _ : state) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto room = reader.prepare();
      const std::size_t size = std::min(room.size(), bytes.size() - sent);
      std::memcpy(room.data(), bytes.data() + sent, size);
      reader.commit(size);
      sent += size;
    }
    auto found = reader.next();
    CHECK(found.has_value() && found->has_value());
    auto decoded = decode_message((*found)->payload);
    CHECK(decoded.has_value());
    benchmark::DoNotOptimize(decoded);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void encode_append(benchmark::State& state) { encode(state, append_of(state.range(0), state.range(1))); }
void decode_append(benchmark::State& state) { decode(state, append_of(state.range(0), state.range(1))); }
void encode_reply(benchmark::State& state) { encode(state, reply()); }
void decode_reply(benchmark::State& state) { decode(state, reply()); }

// One put alone; the puts of a full loop turn as the one entry that they become; a follower that catches up.
BENCHMARK(encode_append)->Args({1, 300})->Args({1, 30000})->Args({100, 300});
BENCHMARK(decode_append)->Args({1, 300})->Args({1, 30000})->Args({100, 300});
BENCHMARK(encode_reply);
BENCHMARK(decode_reply);

}  // namespace
}  // namespace cairn::peer

BENCHMARK_MAIN();
