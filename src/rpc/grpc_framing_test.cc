#include "rpc/grpc_framing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

TEST(Timeout, HasAtMostEightDigitsAndAUnit) {
  EXPECT_EQ(parse_timeout("100m"), Duration(100ms));
  EXPECT_EQ(parse_timeout("1H"), Duration(1h));
  EXPECT_EQ(parse_timeout("2M"), Duration(2min));
  EXPECT_EQ(parse_timeout("3S"), Duration(3s));
  EXPECT_EQ(parse_timeout("4u"), Duration(4us));
  EXPECT_EQ(parse_timeout("99999999n"), Duration(99999999ns));
  for (const char* wrong : {"", "m", "100", "100x", "-1m", "+1m", "1 m", "123456789m", "1.5S", "0x1m"}) {
    EXPECT_FALSE(parse_timeout(wrong).has_value()) << wrong;
  }
}

TEST(Timeout, TooLargeForTheClockIsCutInsteadOfOverflowing) {
  const auto timeout = parse_timeout("99999999H");
  ASSERT_TRUE(timeout.has_value());
  EXPECT_GT(*timeout, Duration(1000h));
  EXPECT_GT(Time(*timeout) + *timeout, Time());
}

TEST(Timeout, FormattedNeverShrinks) {
  for (const Duration d : {Duration(1ns), Duration(99999999ns), Duration(100000001ns), Duration(5s),
                           Duration(7h), Duration(500000h), Duration(0), Duration(-5s)}) {
    const auto back = parse_timeout(format_timeout(d));
    ASSERT_TRUE(back.has_value()) << format_timeout(d);
    EXPECT_GE(*back, d);
  }
}

TEST(StatusMessage, SurvivesTheHeaderWhateverItHolds) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  const std::string encoded = encode_status_message(all);
  for (const char c : encoded) EXPECT_TRUE(c >= 0x20 && c <= 0x7e);
  EXPECT_EQ(decode_status_message(encoded), all);
  EXPECT_EQ(encode_status_message("a%b"), "a%25b");
}

TEST(StatusMessage, BrokenEscapesArePassedOn) {
  EXPECT_EQ(decode_status_message("%"), "%");
  EXPECT_EQ(decode_status_message("50%2"), "50%2");
  EXPECT_EQ(decode_status_message("%zz%41"), "%zzA");
}

TEST(ContentType, IsGrpcWithOrWithoutASubtype) {
  EXPECT_TRUE(is_grpc_content_type("application/grpc"));
  EXPECT_TRUE(is_grpc_content_type("application/grpc+proto"));
  EXPECT_TRUE(is_grpc_content_type("application/grpc;charset=utf-8"));
  EXPECT_FALSE(is_grpc_content_type("application/grpc-web"));
  EXPECT_FALSE(is_grpc_content_type("application/json"));
  EXPECT_FALSE(is_grpc_content_type(""));
}

// Feeds `bytes` in pieces of `piece` bytes and returns the messages.
std::vector<std::string> read_in_pieces(std::string_view bytes, std::size_t piece) {
  MessageReader reader(1000);
  std::vector<std::string> messages;
  while (!bytes.empty()) {
    std::string chunk(
        bytes.substr(0, piece));  // a copy, so that a view kept too long shows under a sanitizer
    bytes.remove_prefix(chunk.size());
    std::string_view input = chunk;
    std::string_view message;
    while (reader.next(&input, &message) == MessageReader::Step::message) messages.emplace_back(message);
    EXPECT_TRUE(input.empty());
  }
  EXPECT_FALSE(reader.in_message());
  return messages;
}

TEST(MessageReader, FindsTheSameMessagesHoweverTheBytesAreCut) {
  std::string bytes;
  const std::vector<std::string> messages = {"", "a",  std::string(300, 'b'),
                                             "", "cd", std::string(1000, 'e')};
  for (const auto& message : messages)
    append_message(&bytes, message.substr(0, 1), message.substr(message.empty() ? 0 : 1));
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
    ASSERT_EQ(read_in_pieces(bytes, piece), messages) << piece;
}

TEST(MessageReader, RefusesALengthBeforeItsBytesArrive) {
  MessageReader reader(10);
  std::string_view input("\0\0\0\0\x0b", 5);
  std::string_view message;
  EXPECT_EQ(reader.next(&input, &message), MessageReader::Step::too_large);
  EXPECT_EQ(reader.length(), 11u);
}

TEST(MessageReader, RefusesACompressedMessage) {
  MessageReader reader(10);
  std::string_view input("\1\0\0\0\1x", 6);
  std::string_view message;
  EXPECT_EQ(reader.next(&input, &message), MessageReader::Step::compressed);
}

TEST(MessageReader, AHeldMessageOutlivesItsInput) {
  MessageReader reader(10);
  std::string bytes;
  append_message(&bytes, "", "hello");
  std::string_view input = bytes;
  std::string_view message;
  ASSERT_EQ(reader.next(&input, &message), MessageReader::Step::message);
  const std::string_view held = reader.hold(message);
  bytes.assign(bytes.size(), '?');
  EXPECT_EQ(held, "hello");
}

TEST(MessageReader, InPiecesAreTheSameBytes) {
  std::string all;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{300}})
    append_message(&all, "", std::string(size, static_cast<char>('a' + size % 26)));
  for (std::size_t step = 1; step < all.size(); ++step) {
    MessageReader reader(300);
    std::vector<std::string> messages(1);
    for (std::size_t at = 0; at < all.size(); at += step) {
      std::string_view input = std::string_view(all).substr(at, step);
      MessageReader::Step found;
      do {
        std::string_view piece;
        found = reader.next_piece(&input, &piece);
        messages.back().append(piece);
        if (found == MessageReader::Step::message) messages.emplace_back();
      } while (found == MessageReader::Step::message);
      EXPECT_EQ(found, MessageReader::Step::need_more);
      EXPECT_TRUE(input.empty());
    }
    EXPECT_EQ(messages, (std::vector<std::string>{"", "b", std::string(300, 'o'), ""})) << step;
  }
  MessageReader small(299);
  std::string_view input = std::string_view(all).substr(11), piece;
  EXPECT_EQ(small.next_piece(&input, &piece), MessageReader::Step::too_large);
  EXPECT_EQ(piece, "");
}

}  // namespace
}  // namespace cairn::rpc
