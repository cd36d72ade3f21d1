#include "server/tls_flags.h"

#include <gtest/gtest.h>

namespace cairn::server {
namespace {

using Args = std::vector<std::string>;

Config good(const Args& args) {
  auto config = parse(args, {});
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config ? *std::move(config) : Config{};
}

std::string error(const Args& args, const ConfigLimits& limits = {}) {
  const auto config = parse(args, {}, limits);
  return config ? "(accepted)" : config.error().message;
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

const char* const kListens = "--listen-client-urls=https://127.0.0.1:2379";
const char* const kListensToPeers = "--listen-peer-urls=https://127.0.0.1:2380";

TEST(TlsFlags, ClientsAreServedOverTlsWhereTheUrlSaysSo) {
  const Config config = good({kListens, "--cert-file=a.crt", "--key-file=a.key"});
  EXPECT_TRUE(config.client_tls.on);
  EXPECT_FALSE(config.peer_tls.on);
  EXPECT_EQ(config.client_tls.shown.certificate_file, "a.crt");
  EXPECT_EQ(config.client_tls.shown.key_file, "a.key");
  EXPECT_FALSE(config.client_tls.shown.demands_certificate);
  EXPECT_EQ(config.advertise_client_urls.at(0).text, "https://127.0.0.1:2379");
  EXPECT_TRUE(config.notes.empty());
}

TEST(TlsFlags, ATrustedCaAloneDemandsCertificatesAsInEtcd) {
  const Config config = good({kListens, "--cert-file=a", "--key-file=b", "--trusted-ca-file=c",
                              "--client-crl-file=d", "--client-cert-allowed-hostname=one, two"});
  EXPECT_TRUE(config.client_tls.shown.demands_certificate);
  EXPECT_EQ(config.client_tls.shown.crl_file, "d");
  EXPECT_EQ(config.client_tls.shown.allowed_hostnames, (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(good({kListens, "--cert-file=a", "--key-file=b", "--trusted-ca-file=c", "--client-cert-auth"})
                  .client_tls.shown.demands_certificate);
}

TEST(TlsFlags, WhatDemandsCertificatesNeedsACa) {
  const Args base = {kListens, "--cert-file=a", "--key-file=b"};
  for (const char* const flag :
       {"--client-cert-auth", "--client-crl-file=d", "--client-cert-allowed-hostname=x"}) {
    Args args = base;
    args.emplace_back(flag);
    EXPECT_SAYS(error(args), "needs --trusted-ca-file: without a CA of your own");
  }
}

TEST(TlsFlags, ACertificateNeedsItsKeyAndAKeyItsCertificate) {
  EXPECT_SAYS(error({kListens, "--cert-file=a"}), "--cert-file needs --key-file");
  EXPECT_SAYS(error({kListens, "--key-file=a"}), "--key-file needs --cert-file");
  EXPECT_SAYS(error({kListensToPeers, "--peer-cert-file=a"}), "--peer-cert-file needs --peer-key-file");
  EXPECT_SAYS(error({kListensToPeers, "--peer-cert-file=a", "--peer-key-file=b", "--peer-client-key-file=c"}),
              "--peer-client-key-file needs --peer-client-cert-file");
}

TEST(TlsFlags, SchemesGoWithTheSettings) {
  EXPECT_SAYS(error({kListens}), "which needs --cert-file and --key-file, or write http");
  EXPECT_SAYS(error({kListensToPeers}), "which needs --peer-cert-file and --peer-key-file, or write http");
  EXPECT_SAYS(error({"--cert-file=a", "--key-file=b"}), "would travel in the clear; write https there");
  EXPECT_SAYS(error({"--trusted-ca-file=a"}), "would travel in the clear");
  EXPECT_SAYS(error({"--client-cert-auth"}), "would travel in the clear");
  EXPECT_SAYS(error({"--peer-trusted-ca-file=a"}), "would travel in the clear");
  EXPECT_SAYS(error({"--peer-client-cert-file=a", "--peer-client-key-file=b"}), "write https there");
  EXPECT_SAYS(error({"--auto-tls"}), "write https there");
  const Args certificate = {"--cert-file=a", "--key-file=b"};
  EXPECT_SAYS(error({kListens, certificate[0], certificate[1], "--advertise-client-urls=http://a:2379"}),
              "or clients would be told to speak plaintext");
  EXPECT_SAYS(error({"--advertise-client-urls=https://a:2379"}),
              "would be told to speak TLS where nobody does");
}

TEST(TlsFlags, BesideHttpsPlaintextIsSaid) {
  const Config config = good(
      {"--listen-client-urls=https://127.0.0.1:2379,http://127.0.0.1:2378", "--cert-file=a", "--key-file=b"});
  ASSERT_EQ(config.notes.size(), 1u);
  EXPECT_SAYS(config.notes[0], "http://127.0.0.1:2378 of --listen-client-urls is served without TLS");
}

TEST(TlsFlags, MembersCallEachOtherInOneWay) {
  const Args certificate = {"--peer-cert-file=a", "--peer-key-file=b"};
  EXPECT_SAYS(
      error({"--listen-peer-urls=https://127.0.0.1:1,http://127.0.0.1:2", certificate[0], certificate[1]}),
      "beside https");
  const auto mixed = parse({"--name=n1", kListensToPeers, certificate[0], certificate[1],
                            "--initial-cluster=n1=https://127.0.0.1:2380,n2=http://b:2380"},
                           {});
  ASSERT_TRUE(mixed) << mixed.error().message;
  EXPECT_SAYS(mixed->bootstrap_problem, "http://b:2380 of --initial-cluster is http");
}

TEST(TlsFlags, APeerIsCalledWithACertificateOfItsOwnIfThereIsOne) {
  const Args args = {kListensToPeers,           "--peer-cert-file=a",
                     "--peer-key-file=b",       "--peer-trusted-ca-file=c",
                     "--peer-client-cert-auth", "--peer-cert-allowed-cn=n1,n2",
                     "--peer-crl-file=d"};
  const Config config = good(args);
  EXPECT_EQ(config.peer_tls.shown.allowed_common_names, (std::vector<std::string>{"n1", "n2"}));
  EXPECT_TRUE(config.peer_tls.shown.demands_certificate);
  EXPECT_EQ(config.peer_tls.dialing.certificate_file, "a");
  EXPECT_EQ(config.peer_tls.dialing.trusted_ca_file, "c");
  EXPECT_EQ(config.peer_tls.dialing.crl_file, "d");
  Args with = args;
  with.insert(with.end(), {"--peer-client-cert-file=e", "--peer-client-key-file=f"});
  EXPECT_EQ(good(with).peer_tls.dialing.certificate_file, "e");
  EXPECT_EQ(good(with).peer_tls.shown.certificate_file, "a");
  Args both = args;
  both.emplace_back("--peer-cert-allowed-hostname=x");
  EXPECT_SAYS(error(both), "name one of them");
  EXPECT_SAYS(
      error({kListensToPeers, "--peer-cert-file=a", "--peer-key-file=b", "--peer-cert-allowed-cn=n1"}),
      "may say anything of whose it is");
}

TEST(TlsFlags, VersionsAndSuitesAreChecked) {
  const Args base = {kListens,       kListensToPeers,      "--cert-file=a",
                     "--key-file=b", "--peer-cert-file=c", "--peer-key-file=d"};
  const auto with = [&](std::initializer_list<const char*> more) {
    Args args = base;
    args.insert(args.end(), more.begin(), more.end());
    return args;
  };
  const Config config = good(with({"--tls-min-version=TLS1.3"}));
  EXPECT_EQ(config.client_tls.shown.lowest, tls::Version::tls1_3);
  EXPECT_EQ(config.peer_tls.dialing.lowest, tls::Version::tls1_3);
  EXPECT_SAYS(error(with({"--tls-min-version=TLS1.1"})), "must be TLS1.2 or TLS1.3");
  EXPECT_SAYS(error(with({"--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"})), "is above");
  EXPECT_EQ(good(with({"--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256"}))
                .client_tls.shown.cipher_suites.size(),
            2u);
  EXPECT_SAYS(error(with({"--cipher-suites=TLS_NONE"})), "no cipher suite is called TLS_NONE");
  EXPECT_SAYS(error(with({"--cipher-suites=,"})), "a name is missing");
  ConfigLimits limits;
  limits.names_max = 1;
  EXPECT_SAYS(error(with({"--cipher-suites=TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384"}), limits),
              "has more than 1 names");
  EXPECT_SAYS(error(with({"--client-cert-auth=maybe"})), "must be true or false");
}

TEST(TlsFlags, ACertificateIsMadeWhereNoneIsGiven) {
  const Config config = good({kListens, "--auto-tls"});
  EXPECT_TRUE(config.client_tls.on && config.client_tls.automatic);
  const Config given = good({kListens, "--auto-tls", "--cert-file=a", "--key-file=b"});
  EXPECT_FALSE(given.client_tls.automatic);
  ASSERT_EQ(given.notes.size(), 1u);
  EXPECT_SAYS(given.notes[0], "--auto-tls has no effect");
}

TEST(TlsFlags, MembersWithCertificatesThatNobodySignedBelieveAnybody) {
  const Config config = good({kListensToPeers, "--peer-auto-tls"});
  EXPECT_TRUE(config.peer_tls.on && config.peer_tls.automatic);
  EXPECT_TRUE(config.peer_tls.dialing.believes_anybody);
  EXPECT_FALSE(config.peer_tls.shown.demands_certificate);
  EXPECT_FALSE(good({kListensToPeers, "--peer-cert-file=a", "--peer-key-file=b", "--peer-auto-tls"})
                   .peer_tls.dialing.believes_anybody);
  EXPECT_SAYS(error({kListensToPeers, "--peer-auto-tls", "--peer-trusted-ca-file=a"}),
              "no CA has signed what is made here");
  EXPECT_SAYS(error({"--peer-auto-tls"}),
              "--peer-auto-tls is given, and every URL of --listen-peer-urls is http");
}

}  // namespace
}  // namespace cairn::server
