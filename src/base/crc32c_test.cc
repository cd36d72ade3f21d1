#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace cairn {
namespace {

TEST(Crc32c, IsThatOfTheKnownVectors) {
  EXPECT_EQ(crc32c(0, ""), 0U);
  EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(0, std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(Crc32c, GoesOnFromAnyPlace) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(crc32c(0, text.substr(0, cut)), text.substr(cut)), crc32c(0, text)) << cut;
}

}  // namespace
}  // namespace cairn
