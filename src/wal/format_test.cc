// The formats on disk, byte for byte: what older versions have written, later ones read.
#include "wal/format.h"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>

#include "base/codec.h"
#include "sim_disk/sim_disk.h"
#include "support/hex.h"
#include "wal/identity.h"
#include "wal/snapshot_format.h"

namespace cairn::wal {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(WalFormat, NumbersAreLittleEndian) {
  std::array<std::byte, 14> bytes;
  put_u16(bytes.data(), 0x0201);
  put_u32(bytes.data() + 2, 0x06050403);
  put_u64(bytes.data() + 6, 0x0e0d0c0b0a090807);
  EXPECT_EQ(test::hex_of(text_of(bytes)), "0102030405060708090a0b0c0d0e");
  EXPECT_EQ(get_u16(bytes.data()), 0x0201);
  EXPECT_EQ(get_u32(bytes.data() + 2), 0x06050403U);
  EXPECT_EQ(get_u64(bytes.data() + 6), 0x0e0d0c0b0a090807U);
}

TEST(WalFormat, FrameHeadersNeverChange) {
  const FrameHeader header{.kind = FrameKind::truncate,
                           .owner = 0x0102030405060708,
                           .segment = 9,
                           .offset = 4096,
                           .seq = 10,
                           .durable_seq = 8,
                           .hard_state_generation = 3,
                           .first_index = raft::Index{300},
                           .term = raft::Term{7},
                           .entry_count = 2,
                           .payload_bytes = 77,
                           .payload_hash = {0x1112131415161718, 0x2122232425262728},
                           .previous = {0x3132333435363738, 0x4142434445464748}};
  std::array<std::byte, kFrameHeaderBytes> bytes;
  encode_header(header, bytes);
  EXPECT_EQ(test::hex_of(text_of(bytes)),
            "43574c46010002000807060504030201090000000000000000100000000000000a0000000000"
            "0000080000000000000003000000000000002c01000000000000070000000000000002000000"
            "4d00000018171615141312112827262524232221383736353433323148474645444342410000"
            "000000000000111d2d26006a517b");
}

TEST(WalFormat, ManifestsNeverChange) {
  Manifest manifest;
  manifest.meta.index = raft::Index{900};
  manifest.meta.term = raft::Term{8};
  manifest.meta.members.voters = {raft::NodeId{1}, raft::NodeId{2}};
  manifest.meta.chain = 0x0102030405060708;
  manifest.chunks = {{.offset = 0, .stored_bytes = 70, .bytes = 1 << 20, .hash = {1, 2}},
                     {.offset = 70, .stored_bytes = 80, .bytes = 17, .hash = {3, 4}}};
  const std::string bytes = encode_manifest(manifest);
  EXPECT_EQ(test::hex_of(bytes),
            "4347534e02000000840300000000000008000000000000000807060504030201320000000400"
            "0200000001000000000000000200000000000000000000000000000000000000000000000000"
            "0000000000000000000002000000000000004600000000001000010000000000000002000000"
            "000000005000000011000000030000000000000004000000000000003350108933e62187");
  const auto read = parse_manifest(bytes, "here");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->meta, manifest.meta);
  EXPECT_EQ(encode_manifest(*read), bytes);
}

// Of the first version, which lists the members itself.
std::string manifest_1(const std::vector<std::uint64_t>& voters) {
  std::string bytes;
  codec::put_fixed(&bytes, std::uint32_t{0x4e534743});
  codec::put_fixed(&bytes, std::uint32_t{1});
  codec::put_fixed(&bytes, std::uint64_t{900});
  codec::put_fixed(&bytes, std::uint64_t{8});
  codec::put_fixed(&bytes, static_cast<std::uint32_t>(voters.size()));
  for (const std::uint64_t id : voters) codec::put_fixed(&bytes, id);
  for (int i = 0; i < 3; ++i) codec::put_fixed(&bytes, std::uint32_t{0});
  codec::put_flag(&bytes, false);
  codec::put_fixed(&bytes, std::uint64_t{0});
  codec::put_fixed(&bytes, hash64(std::as_bytes(std::span(bytes))));
  return bytes;
}

TEST(WalFormat, AManifestOfTheFirstVersionIsReadAndItsMembersAreInOrder) {
  const auto read = parse_manifest(manifest_1({1, 2}), "here");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->meta.members.voters, (std::vector{raft::NodeId{1}, raft::NodeId{2}}));
  for (const auto& voters : {std::vector<std::uint64_t>{2, 1}, {1, 1}}) {
    const auto refused = parse_manifest(manifest_1(voters), "here");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("list of members is impossible"), std::string::npos);
  }
}

TEST(WalFormat, TheIdentityNeverChanges) {
  sim::SimDisk disk;
  disk.put("data/junk", "");
  ASSERT_TRUE(
      create_identity(disk, "data", {.identity = {7, 9}, .created_unix_ms = 123, .bootstrap = "members"}));
  const std::string bytes = disk.contents("data/IDENTITY");
  EXPECT_EQ(test::hex_of(bytes.substr(0, 56)),
            "0143474944454e5401000000a52a0835070000000000000009000000000000007b0000000000"
            "000007000000000000006d656d6265727300");
  EXPECT_EQ(hash_of(bytes), 17417719583150251749U);
}

}  // namespace
}  // namespace cairn::wal
