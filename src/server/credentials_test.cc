#include "server/credentials.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/auto_tls.h"
#include "tls/issue.h"

namespace cairn::server {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;

struct CredentialsTest : testing::Test {
  CredentialsTest() {
    std::filesystem::create_directories(folder);
    options.certificate_file = folder + "/a.crt";
    options.key_file = folder + "/a.key";
  }
  ~CredentialsTest() override { std::filesystem::remove_all(folder); }
  static tls::Issued made(const std::string& name, hours left) {
    tls::Order order;
    order.common_name = name;
    order.from = system_clock::now() - hours(1);
    order.until = system_clock::now() + left;
    return *tls::self_signed(order);
  }
  // As tools that renew do: another file in its place.
  static void replace(const std::string& file, const std::string& text) {
    std::ofstream(file + ".new", std::ios::binary) << text;
    std::filesystem::rename(file + ".new", file);
  }
  void write(const tls::Issued& issued) const {
    replace(options.certificate_file, issued.certificate_pem);
    replace(options.key_file, issued.key_pem);
  }

  const std::string folder = testing::TempDir() + "credentials_" + std::to_string(::getpid());
  tls::Options options;
};

TEST_F(CredentialsTest, AreReadAgainWhenTheirFilesChange) {
  write(made("first", hours(10)));
  const auto credentials = Credentials::open(tls::Role::server, options);
  ASSERT_TRUE(credentials) << credentials.error().message;
  const auto before = (*credentials)->current();
  EXPECT_FALSE(*(*credentials)->look());
  EXPECT_EQ((*credentials)->current(), before);
  write(made("second", hours(20)));
  EXPECT_TRUE(*(*credentials)->look());
  EXPECT_GT(*(*credentials)->current()->expires(), *before->expires());
  EXPECT_FALSE(*(*credentials)->look());
}

TEST_F(CredentialsTest, ThoseOfBeforeStayWhileTheFilesDoNotFitTogether) {
  write(made("first", hours(10)));
  const auto credentials = *Credentials::open(tls::Role::server, options);
  const auto before = credentials->current();
  const tls::Issued second = made("second", hours(20));
  replace(options.certificate_file, second.certificate_pem);
  const auto halfway = credentials->look();
  ASSERT_FALSE(halfway);
  EXPECT_NE(halfway.error().message.find("is not that of the certificate"), std::string::npos)
      << halfway.error().message;
  EXPECT_EQ(credentials->current(), before);
  EXPECT_FALSE(*credentials->look()) << "said once";
  replace(options.key_file, second.key_pem);
  EXPECT_TRUE(*credentials->look());
  std::filesystem::remove(options.key_file);
  EXPECT_FALSE(credentials->look());
  EXPECT_TRUE(credentials->current()->expires().has_value());
}

TEST_F(CredentialsTest, ACertificateIsMadeAndKeptWhileItIsGood) {
  tls::Options of;
  const auto now = system_clock::now();
  ASSERT_TRUE(make_auto_tls(folder, "client", {"localhost", "127.0.0.1"}, now, &of));
  EXPECT_EQ(of.certificate_file, folder + "/auto-tls/client.crt");
  const auto first = tls::Context::load(tls::Role::server, of);
  ASSERT_TRUE(first) << first.error().message;
  const auto text = [&] {
    std::ifstream in(of.certificate_file);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  };
  const std::string before = text();
  ASSERT_TRUE(make_auto_tls(folder, "client", {"localhost"}, now, &of));
  EXPECT_EQ(text(), before);
  ASSERT_TRUE(make_auto_tls(folder, "client", {"localhost"}, now + hours(24 * 340), &of));
  EXPECT_NE(text(), before) << "it is made anew before it ends";
}

}  // namespace
}  // namespace cairn::server
