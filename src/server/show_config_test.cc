#include "server/show_config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "server/config_file.h"
#include "server/fatal.h"

namespace cairn::server {
namespace {

struct ShowConfig : testing::Test {
  int run(const std::vector<std::string>& args) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = config_command(args);
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return code;
  }
  bool says(const std::string& text) const { return out.find(text) != std::string::npos; }
  std::string out, err;
};

TEST_F(ShowConfig, IsAFileThatIsReadAgain) {
  ASSERT_EQ(run({"show", "--name", "n\"1", "--data-dir", "/d", "--cors", "*"}), 0);
  const std::string path = testing::TempDir() + "cairn_show_config.toml";
  std::ofstream(path) << out;
  const auto again = read_config_file(path, 1 << 20);
  std::remove(path.c_str());
  ASSERT_TRUE(again.has_value()) << again.error().message;
  std::string name;
  for (const FileSetting& each : *again)
    if (each.name == "name") name = each.value;
  EXPECT_EQ(name, "n\"1");
  EXPECT_TRUE(says("cors = \"*\"\n"));
  EXPECT_FALSE(says("trusted-ca-file")) << "nothing was said of it";
}

TEST_F(ShowConfig, SaysWhatFollowsFromOthersAndWhereEachComesFrom) {
  ASSERT_EQ(run({"show", "--origin", "--name=n1", "--listen-client-urls=http://127.0.0.1:1"}), 0);
  EXPECT_TRUE(says("data-dir = \"n1.cairn\"")) << out;
  EXPECT_TRUE(says("advertise-client-urls = \"http://127.0.0.1:1\"")) << out;
  EXPECT_TRUE(says("initial-cluster = \"n1=http://localhost:2380\"")) << out;
  EXPECT_TRUE(says("quota-backend-bytes = \"2147483648\"")) << out;
  EXPECT_NE(out.find("# --name\n"), std::string::npos) << out;
  EXPECT_NE(out.find("# default\n"), std::string::npos) << out;
}

TEST_F(ShowConfig, AsJson) {
  ASSERT_EQ(run({"show", "-w", "json", "--name=n1"}), 0);
  EXPECT_EQ(out.substr(0, 44), R"({"name":{"value":"n1","origin":"--name"},"da)");
  EXPECT_EQ(out.back(), '\n');
}

TEST_F(ShowConfig, CheckRefusesWhatAStartWould) {
  EXPECT_EQ(run({"check"}), 0);
  EXPECT_EQ(out, "ok: default would start from default.cairn\n");
  EXPECT_EQ(run({"check", "--nmae=n1"}), kExitUsage);
  EXPECT_EQ(err, "error: unknown flag --nmae; did you mean --name?\n");
  EXPECT_EQ(run({"check", "--listen-client-urls=https://127.0.0.1:1", "--cert-file=/nonexistent/c",
                 "--key-file=/nonexistent/k"}),
            kExitUsage);
  EXPECT_NE(err.find("/nonexistent/c"), std::string::npos) << err;
  EXPECT_EQ(out, "");
  EXPECT_EQ(run({"check", "--listen-client-urls=https://127.0.0.1:1", "--cert-file=/nonexistent/c",
                 "--key-file=/nonexistent/k", "--listen-peer-urls=https://127.0.0.1:2", "--peer-auto-tls"}),
            kExitUsage)
      << "the other port's is made at the start, and this one is still looked at";
  EXPECT_EQ(run({"check", "--initial-cluster=n2=http://127.0.0.1:1", "--snapshot-count=5"}), 0);
  EXPECT_NE(err.find("warning: --snapshot-count of etcd has no effect here"), std::string::npos) << err;
  EXPECT_NE(err.find("warning: no cluster can be founded with this"), std::string::npos) << err;
}

TEST_F(ShowConfig, WhatItIsAskedForHasToBeUnderstood) {
  EXPECT_EQ(run({}), kExitUsage);
  EXPECT_EQ(run({"show", "-w", "yaml"}), kExitUsage);
  EXPECT_EQ(run({"check", "--origin"}), kExitUsage);
  EXPECT_EQ(run({"show", "check"}), kExitUsage);
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(out.substr(0, 32), "Usage: cairn config show|check [");
}

}  // namespace
}  // namespace cairn::server
