// Arbitrary bytes as a database of etcd: refused, or made into a state that can be loaded.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/check.h"
#include "mvcc/etcd_import.h"
#include "mvcc/state_machine.h"

namespace {

struct Given final : cairn::bbolt::Bytes {
  Given(const std::uint8_t* bytes, std::size_t count) : data(bytes), count_(count) {}
  std::uint64_t size() const override { return count_; }
  cairn::Status read(std::uint64_t offset, std::span<char> into) override {
    CHECK(offset <= count_ && into.size() <= count_ - offset);
    if (!into.empty()) std::memcpy(into.data(), data + offset, into.size());
    return {};
  }
  const std::uint8_t* data;
  const std::size_t count_;
};

struct Sink final : cairn::ByteSink {
  cairn::Status write(std::string_view bytes) override {
    text.append(bytes);
    return {};
  }
  std::string text;
};

struct Source final : cairn::ByteSource {
  explicit Source(const std::string& given) : text(given) {}
  cairn::Result<std::size_t> read(std::span<char> into) override {
    const std::size_t some = std::min(into.size(), text.size() - at);
    std::memcpy(into.data(), text.data() + at, some);
    at += some;
    return some;
  }
  const std::string& text;
  std::size_t at = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Given given(data, size);
  (void)cairn::mvcc::facts_of(&given);
  using Choice = cairn::mvcc::ImportChoice;
  for (Choice choice : {Choice{}, Choice{.bump_revision = 1000}, Choice{.revision = 3}}) {
    choice.drop_users = true;
    Sink sink;
    const auto facts = cairn::mvcc::import_etcd_file(&given, choice, {}, &sink);
    if (!facts) continue;
    Source source(sink.text);
    const auto machine = cairn::mvcc::StateMachine::load(&source);
    CHECK(machine.has_value());
    CHECK((*machine)->revision() == facts->revision);
  }
  return 0;
}
