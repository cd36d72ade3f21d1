#include "base/utf8.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Utf8, TextIsText) {
  for (const char* text : {"", "a\n", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, OtherBytesAreNot) {
  // A lone continuation, cut sequences, overlong forms, a surrogate, beyond the last code point.
  for (const char* bytes : {"\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\x80", "\xe0\x80\x80",
                            "\xf0\x80\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"})
    EXPECT_FALSE(is_utf8(bytes)) << bytes;
}

}  // namespace
}  // namespace cairn
