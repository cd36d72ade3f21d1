// Arbitrary bytes as log entries: they never crash, and two replicas, one of which keeps views and is
// reloaded, come to the same state. The input is a list of entries: two bytes of length, little-endian, and
// the entry.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "mvcc/state_machine.h"

namespace {

struct Stream final : cairn::ByteSink, cairn::ByteSource {
  cairn::Status write(std::string_view bytes) override {
    text.append(bytes);
    return {};
  }
  cairn::Result<std::size_t> read(std::span<char> into) override {
    const std::size_t some = std::min(into.size(), text.size() - at);
    std::memcpy(into.data(), text.data() + at, some);
    at += some;
    return some;
  }
  std::string text;
  std::size_t at = 0;
};

struct WantsAll final : cairn::mvcc::ApplySink {
  bool wants(std::uint64_t) const override { return true; }
  void done(std::uint64_t, cairn::mvcc::Outcome) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cairn::mvcc::StateMachine;
  auto plain = std::make_unique<StateMachine>(std::vector<cairn::mvcc::MemberInfo>());
  auto viewed = std::make_unique<StateMachine>(std::vector<cairn::mvcc::MemberInfo>());
  std::vector<std::shared_ptr<const cairn::mvcc::View>> views;
  WantsAll sink;
  std::uint64_t index = 0;
  while (size >= 2) {
    const std::size_t length = std::min<std::size_t>(data[0] + 256U * data[1], size - 2);
    const std::string_view entry(reinterpret_cast<const char*>(data + 2), length);
    data += 2 + length;
    size -= 2 + length;
    plain->apply({++index, 1}, entry, nullptr);
    viewed->apply({index, 1}, entry, &sink);
    if (views.size() > 3) views.erase(views.begin());
    views.push_back(viewed->view());
    if (index % 8 == 0) {
      Stream stream;
      CHECK(viewed->view()->save(&stream).has_value());
      auto again = StateMachine::load(&stream);
      CHECK(again.has_value());
      viewed = std::move(*again);
    }
  }
  CHECK(plain->view()->hash() == viewed->view()->hash());
  return 0;
}
