#include "base/codec.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "support/hex.h"

namespace cairn::codec {
namespace {

TEST(Codec, NumbersAreLittleEndian) {
  std::string out;
  put_fixed(&out, std::uint8_t{1});
  put_fixed(&out, std::uint16_t{0x0302});
  put_fixed(&out, std::uint32_t{0x07060504});
  put_fixed(&out, std::uint64_t{0x0f0e0d0c0b0a0908});
  put_fixed(&out, std::int64_t{-2});
  EXPECT_EQ(test::hex_of(out), "0102030405060708090a0b0c0d0e0ffeffffffffffffff");
  EXPECT_EQ(load<std::uint32_t>(out.data() + 3), 0x07060504U);
  store(out.data(), std::uint16_t{0xaabb});
  EXPECT_EQ(test::hex_of(out.substr(0, 3)), "bbaa03");

  Reader in(out);
  EXPECT_EQ(in.fixed<std::uint16_t>(), 0xaabb);
  EXPECT_EQ(in.fixed<std::uint8_t>(), 3);
  EXPECT_EQ(in.fixed<std::uint32_t>(), 0x07060504U);
  EXPECT_EQ(in.fixed<std::uint64_t>(), 0x0f0e0d0c0b0a0908U);
  EXPECT_EQ(in.fixed<std::int64_t>(), -2);
  EXPECT_TRUE(in.complete());
}

TEST(Varint, SixtyFourBitsAndNoMore) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128},
                                    std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    std::string bytes;
    put_varint(&bytes, value);
    EXPECT_EQ(bytes.size(), varint_size(value));
    Reader in(bytes);
    EXPECT_EQ(in.varint(), value);
    EXPECT_TRUE(in.complete());
  }
  Reader in("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  in.varint();
  EXPECT_FALSE(in.ok());
}

TEST(CodecReader, RemembersTheFirstFailureAndGivesZerosAfterIt) {
  Reader in("\x01\x02\x03");
  EXPECT_EQ(in.fixed<std::uint32_t>(), 0U) << "three bytes are no number of four";
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.left(), 0U);
  EXPECT_EQ(in.fixed<std::uint8_t>(), 0);
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_EQ(in.bytes(0), "");
  EXPECT_FALSE(in.complete());
}

TEST(CodecReader, NoPrefixOfAFieldIsAField) {
  std::string bytes;
  put_varint(&bytes, 300);
  bytes.append(300, 'x');
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader in(std::string_view(bytes).substr(0, size));
    in.bytes(in.varint());
    EXPECT_FALSE(in.ok()) << size;
  }
  Reader in(bytes);
  EXPECT_EQ(in.bytes(in.varint()), std::string(300, 'x'));
  EXPECT_TRUE(in.complete());
  EXPECT_EQ(in.bytes(std::numeric_limits<std::uint64_t>::max()), "");
  EXPECT_FALSE(in.ok());
}

TEST(CodecReader, AFlagIsZeroOrOne) {
  std::string bytes;
  put_flag(&bytes, true);
  put_flag(&bytes, false);
  bytes += '\2';
  Reader in(bytes);
  EXPECT_TRUE(in.flag());
  EXPECT_FALSE(in.flag());
  EXPECT_TRUE(in.ok());
  in.flag();
  EXPECT_FALSE(in.ok());
}

TEST(CodecReader, ACountIsOneThatTheBytesCanHold) {
  std::string bytes;
  put_fixed(&bytes, std::uint32_t{2});
  bytes.append(17, 'x');
  Reader fits(bytes), lies(bytes);
  EXPECT_EQ(fits.fixed_count<std::uint32_t>(8), 2U);
  EXPECT_EQ(fits.left(), 17U);
  EXPECT_EQ(lies.fixed_count<std::uint32_t>(9), 0U);
  EXPECT_FALSE(lies.ok());
}

}  // namespace
}  // namespace cairn::codec
