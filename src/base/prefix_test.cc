#include "base/prefix.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Prefix, EndsBeforeTheFirstKeyThatDoesNotBeginSo) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a/"), "a0");
  EXPECT_EQ(prefix_end(std::string("a\0", 2)), "a\x01");
}

TEST(Prefix, TheHighestByteCarries) {
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("a\xff\xff"), "b");
  EXPECT_EQ(prefix_end("\x7f"), "\x80") << "bytes, whatever the sign of char";
}

TEST(Prefix, BehindTheHighestThereIsNoEnd) {
  const std::string no_end(1, '\0');
  EXPECT_EQ(prefix_end("\xff\xff"), no_end);
  EXPECT_EQ(prefix_end(""), no_end);
}

}  // namespace
}  // namespace cairn
