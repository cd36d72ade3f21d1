#include "base/sha256.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    for (const int shift : {4, 0})
      text.push_back("0123456789abcdef"[static_cast<unsigned char>(byte) >> shift & 15]);
  return text;
}

std::string of(std::string_view text, std::size_t piece) {
  Sha256 hash;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) hash.update(text.substr(0, piece));
  return hex(hash.digest());
}

// FIPS 180-4's own examples, and a million times one letter.
TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(of("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(of("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  for (const std::size_t piece : {1000, 63, 64, 65})
    EXPECT_EQ(of(std::string(1'000'000, 'a'), piece),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace cairn
