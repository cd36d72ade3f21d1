#include "base/percent.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

std::string every_byte() {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  return all;
}

TEST(Percent, EveryByteComesBack) {
  EXPECT_EQ(percent_decode(percent_encode(every_byte())), every_byte());
  EXPECT_EQ(percent_encode("a/b c"), "a/b%20c");
}

TEST(Percent, HalfAnEscapeIsAnError) {
  for (const char* text : {"%", "%4", "a%", "%g0", "%0g"}) EXPECT_FALSE(percent_decode(text)) << text;
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
}

TEST(Base64, EveryByteAndLengthComesBack) {
  for (std::size_t length = 0; length < 5; ++length) {
    const std::string bytes = every_byte() + std::string(length, 'x');
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
  EXPECT_EQ(base64_encode("fo"), "Zm8=");
  EXPECT_EQ(base64url_encode("\xff\xfe"), "__4");
}

TEST(Base64, WhatNoEncoderWritesIsAnError) {
  for (const char* text : {"A", "A===", "Zm9", "Zm8", "Zm9=", "Z*8="})
    EXPECT_FALSE(base64_decode(text)) << text;
  EXPECT_EQ(base64url_decode("Zm8="), "fo");  // padding is optional here
}

}  // namespace
}  // namespace cairn
