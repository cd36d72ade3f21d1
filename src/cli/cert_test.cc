#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/cli.h"
#include "tls/context.h"

namespace cairn::cli {
namespace {

struct Cert : testing::Test {
  ~Cert() override { std::filesystem::remove_all(dir); }
  int run(std::vector<std::string> args) {
    std::istringstream in;
    std::ostringstream written, said;
    const int code = run_cli(args, in, written, said, {});
    out = written.str();
    err = said.str();
    return code;
  }
  int cert(std::vector<std::string> args) {
    args.insert(args.begin(), "cert");
    args.insert(args.end(), {"--dir", dir});
    return run(std::move(args));
  }
  tls::Options of(const std::string& name) const {
    tls::Options options;
    options.certificate_file = dir + "/" + name + ".crt";
    options.key_file = dir + "/" + name + ".key";
    options.trusted_ca_file = dir + "/ca.crt";
    return options;
  }
  unsigned mode(const std::string& file) const {
    struct stat found {};
    return ::stat((dir + "/" + file).c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }

  const std::string dir = testing::TempDir() + "cert_" + std::to_string(::getpid());
  std::string out, err;
};

TEST_F(Cert, ACaAMemberAndAClientInALineEach) {
  ASSERT_EQ(cert({"ca"}), kExitOk) << err;
  EXPECT_EQ(out, dir + "/ca.crt\n" + dir + "/ca.key\n");
  ASSERT_EQ(cert({"member", "n1", "--hosts", "n1.example,10.0.0.1", "--days", "30"}), kExitOk) << err;
  ASSERT_EQ(cert({"client", "backup"}), kExitOk) << err;
  EXPECT_EQ(mode("ca.key"), 0600U);
  EXPECT_EQ(mode("n1.key"), 0600U);
  EXPECT_TRUE(tls::Context::load(tls::Role::client, of("backup")));
  const auto member = tls::Context::load(tls::Role::server, of("n1"));
  ASSERT_TRUE(member) << member.error().message;
  const auto left = *(*member)->expires() - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::hours(24 * 29));
  EXPECT_LE(left, std::chrono::hours(24 * 30));
}

TEST_F(Cert, NothingIsWrittenOver) {
  ASSERT_EQ(cert({"ca"}), kExitOk) << err;
  EXPECT_EQ(cert({"ca"}), kExitLocalIo);
  EXPECT_NE(err.find("nothing was written over"), std::string::npos) << err;
  std::ofstream(dir + "/n1.crt") << "mine";
  EXPECT_EQ(cert({"member", "n1"}), kExitLocalIo);
  EXPECT_FALSE(std::filesystem::exists(dir + "/n1.key")) << "a key without its certificate is of no use";
}

TEST_F(Cert, WhatIsMissingOrWrongIsSaid) {
  EXPECT_EQ(cert({"member", "n1"}), kExitLocalIo);
  EXPECT_NE(err.find("cairn cert ca makes it"), std::string::npos) << err;
  ASSERT_EQ(cert({"ca"}), kExitOk) << err;
  EXPECT_EQ(cert({"member"}), kExitUsage);
  for (const char* const name : {"../n1", "ca", "a b", ""})
    EXPECT_EQ(cert({"member", name}), kExitUsage) << name;
  EXPECT_EQ(cert({"client", "c", "--hosts", "a"}), kExitUsage);
  EXPECT_EQ(cert({"member", "n1", "--hosts", "a b"}), kExitUsage);
  EXPECT_NE(err.find("neither a name nor an address"), std::string::npos) << err;
  EXPECT_EQ(cert({"server", "n1"}), kExitUsage);
}

TEST_F(Cert, HttpsIsSpokenWithWhatFlagsAndEnvironmentName) {
  EXPECT_EQ(run({"get", "k", "--endpoints", "https://127.0.0.1:1", "--cacert", dir + "/none"}), kExitUsage);
  EXPECT_NE(err.find("cannot use the CA in " + dir + "/none"), std::string::npos) << err;
  EXPECT_EQ(run({"get", "k", "--endpoints", "http://127.0.0.1:1", "--cacert", dir + "/none"}), kExitUsage);
  EXPECT_NE(err.find("would be spoken to in plaintext"), std::string::npos) << err;
  EXPECT_EQ(run({"--cert", "a.crt", "get", "k", "--endpoints", "https://127.0.0.1:1"}), kExitUsage);
  EXPECT_NE(err.find("without its key"), std::string::npos) << err;
  ::setenv("CAIRN_CACERT", (dir + "/of-environment").c_str(), 1);
  EXPECT_EQ(run({"get", "k", "--endpoints", "https://127.0.0.1:1"}), kExitUsage);
  EXPECT_NE(err.find("/of-environment"), std::string::npos) << err;
  EXPECT_EQ(run({"get", "k", "--endpoints", "http://127.0.0.1:1"}), kExitUnreachable)
      << "it is of https alone";
  ::unsetenv("CAIRN_CACERT");
}

}  // namespace
}  // namespace cairn::cli
