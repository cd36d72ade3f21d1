// Arbitrary bytes as a saved state: refused, or loaded into something that saves the very same
// bytes.
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "mvcc/state_machine.h"

namespace {

struct Source final : cairn::ByteSource {
  Source(const std::uint8_t* bytes, std::size_t count) : data(bytes), size(count) {}
  cairn::Result<std::size_t> read(std::span<char> into) override {
    const std::size_t some = std::min(into.size(), size - at);
    if (some > 0) std::memcpy(into.data(), data + at, some);
    at += some;
    return some;
  }
  const std::uint8_t* data;
  std::size_t size;
  std::size_t at = 0;
};

struct Sink final : cairn::ByteSink {
  cairn::Status write(std::string_view bytes) override {
    text.append(bytes);
    return {};
  }
  std::string text;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Source source(data, size);
  const auto machine = cairn::mvcc::StateMachine::load(&source);
  if (!machine) return 0;
  Sink sink;
  CHECK((*machine)->view()->save(&sink).has_value());
  // One of the version before is written as this one.
  const std::string_view given(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kThroughVersion = 12;
  if (given.substr(0, kThroughVersion) == sink.text.substr(0, kThroughVersion)) CHECK(sink.text == given);
  (*machine)->apply({(*machine)->applied_index() + 1, 1}, {}, nullptr);
  return 0;
}
