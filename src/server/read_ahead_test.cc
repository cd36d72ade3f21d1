#include "server/read_ahead.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace cairn::server {
namespace {

// Gives its bytes in pieces of odd sizes, then fails or ends.
class Pieces final : public ByteSource {
 public:
  Pieces(std::string bytes, bool fails) : bytes_(std::move(bytes)), fails_(fails) {}
  Result<std::size_t> read(std::span<char> into) override {
    if (at_ == bytes_.size() && fails_) return fail(Code::data_loss, "chunk 7 is damaged");
    const std::size_t size = std::min({into.size(), bytes_.size() - at_, std::size_t{77'777}});
    std::memcpy(into.data(), bytes_.data() + at_, size);
    at_ += size;
    return size;
  }

 private:
  const std::string bytes_;
  const bool fails_;
  std::size_t at_ = 0;
};

std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  return bytes;
}

TEST(ReadAhead, GivesWhatTheInnerSourceGives) {
  const ReadAhead::Limits limits;
  const std::size_t piece_bytes = limits.piece_bytes;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, piece_bytes, piece_bytes * limits.pieces * 3 + 12345}) {
    const std::string bytes = numbered(size);
    ReadAhead source(std::make_unique<Pieces>(bytes, false));
    std::string seen;
    std::vector<char> piece(50'000);
    for (;;) {
      const Result<std::size_t> some = source.read(piece);
      ASSERT_TRUE(some);
      if (*some == 0) break;
      seen.append(piece.data(), *some);
    }
    EXPECT_TRUE(seen == bytes) << size;
    EXPECT_EQ(*source.read(piece), 0U) << "the end stays the end";
  }
}

TEST(ReadAhead, OnePieceOfAFewBytesIsEnough) {
  const std::string bytes = numbered(1001);
  ReadAhead source(std::make_unique<Pieces>(bytes, false), {.pieces = 1, .piece_bytes = 7});
  std::string seen(bytes.size(), '\0');
  for (std::size_t at = 0; at < seen.size();) at += *source.read(std::span(seen).subspan(at));
  EXPECT_EQ(seen, bytes);
}

TEST(ReadAhead, ReturnsTheInnerErrorAndStaysThere) {
  ReadAhead source(std::make_unique<Pieces>(numbered(100'000), true));
  std::vector<char> piece(1000);
  Result<std::size_t> some = source.read(piece);
  while (some && *some > 0) some = source.read(piece);
  ASSERT_FALSE(some);
  EXPECT_EQ(some.error().message, "chunk 7 is damaged");
  EXPECT_FALSE(source.read(piece));
}

TEST(ReadAhead, IsDroppedInTheMiddle) {
  ReadAhead source(std::make_unique<Pieces>(numbered(ReadAhead::Limits().piece_bytes * 20), false));
  std::vector<char> piece(1000);
  EXPECT_TRUE(source.read(piece));
}

}  // namespace
}  // namespace cairn::server
