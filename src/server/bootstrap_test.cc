#include "server/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex_id.h"
#include "support/hex.h"

namespace cairn::server {
namespace {

constexpr const char* kThree = "n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380";

Bootstrap of(const std::string& name, const std::string& cluster, const std::string& token = "etcd-cluster") {
  const auto config =
      parse({"--name", name, "--initial-cluster", cluster, "--initial-cluster-token", token}, {});
  EXPECT_TRUE(config.has_value()) << config.error().message;
  const auto bootstrap = bootstrap_from(*config);
  EXPECT_TRUE(bootstrap.has_value());
  return *bootstrap;
}

TEST(Bootstrap, AllMembersComputeTheSameCluster) {
  const Bootstrap n1 = of("n1", kThree);
  const Bootstrap n2 = of("n2", "n3=http://10.0.0.3:2380,n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380");
  EXPECT_EQ(n1.cluster_id, n2.cluster_id);
  EXPECT_EQ(n1.members, n2.members);
  EXPECT_NE(n1.self, n2.self);
  EXPECT_NE(n1.cluster_id, 0u);
}

// On disk and in every peer's hello: a change here would lock members out of their own data.
TEST(Bootstrap, IdsNeverChangeBetweenVersions) {
  EXPECT_EQ(member_id({"http://b:1", "http://a:1"}, "t"), member_id({"http://a:1", "http://b:1"}, "t"));
  EXPECT_EQ(hex_id(member_id({"http://localhost:2380"}, "etcd-cluster")), "79a520e41d8a1179");
  EXPECT_EQ(hex_id(cluster_id({1, 2, 3}, "etcd-cluster")), "bf9531dbfc7b83c3");
}

TEST(Bootstrap, TokenTellsClustersApart) {
  const Bootstrap a = of("n1", kThree, "a"), b = of("n1", kThree, "b");
  EXPECT_NE(a.cluster_id, b.cluster_id);
  EXPECT_NE(a.self, b.self);
}

TEST(Bootstrap, UrlsAreNotConfusedByTheirBorders) {
  EXPECT_NE(member_id({"http://a:1", "http://b:1"}, ""), member_id({"http://a:1http://b:1"}, ""));
}

TEST(Bootstrap, BytesComeBackAsTheyWere) {
  const Bootstrap three = of("n2", kThree);
  const auto back = decode_bootstrap(encode_bootstrap(three));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(*back, three);
}

TEST(Bootstrap, BytesNeverChange) {
  const Bootstrap two{
      .cluster_id = 0x0807060504030201,
      .self = 9,
      .members = {{.id = 9, .name = "n1", .peer_urls = {"http://a:1", "http://b:1"}},
                  {.id = 0x1112131415161718, .name = std::string(130, 'n'), .peer_urls = {}}}};
  EXPECT_EQ(test::hex_of(encode_bootstrap(two)),
            "0101020304050607080900000000000000020900000000000000026e31020a687474703a2f2f"
            "613a310a687474703a2f2f623a3118171615141312118201" +
                test::hex_of(std::string(130, 'n')) + "00");
}

TEST(Bootstrap, DamagedBytesAreRefused) {
  const std::string bytes = encode_bootstrap(of("n2", kThree));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_bootstrap(bytes.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_bootstrap(bytes + "x").has_value());
  EXPECT_FALSE(decode_bootstrap("\3" + bytes.substr(1)).has_value());
  EXPECT_FALSE(decode_bootstrap(std::string(17, '\1') + std::string(9, '\xff') + '\1').has_value());
}

TEST(Bootstrap, WhoJoinsKnowsOthersThatDecideNothing) {
  Bootstrap joining = of("n2", kThree);
  joining.joins = true;
  const auto back = decode_bootstrap(encode_bootstrap(joining));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, joining);
  EXPECT_EQ(raft_members(joining), raft::Members{});
}

TEST(Bootstrap, EveryoneIsAVoterInSortedOrder) {
  const Bootstrap three = of("n3", kThree);
  const raft::Members members = raft_members(three);
  EXPECT_EQ(members.voters.size(), 3u);
  EXPECT_TRUE(std::is_sorted(members.voters.begin(), members.voters.end()));
  EXPECT_TRUE(members.voters_old.empty() && members.learners.empty());
  const auto infos = member_infos(three);
  ASSERT_EQ(infos.size(), 3u);
  const auto n3 =
      std::find_if(infos.begin(), infos.end(), [](const auto& info) { return info.name == "n3"; });
  ASSERT_NE(n3, infos.end());
  EXPECT_EQ(n3->id, three.self);
  EXPECT_EQ(n3->peer_urls, std::vector<std::string>{"http://10.0.0.3:2380"});
}

}  // namespace
}  // namespace cairn::server
