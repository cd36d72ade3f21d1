// Members that speak through layers, as over TLS with certificates of their own CA.
#include "peer/peers_fixture.h"
#include "tls/pki_fixture.h"

namespace cairn::peer {
namespace {

struct SecurePeers : PeersTest {
  SecurePeers() {
    shown.demands_certificate = true;
    config.accepted_through = tls::layer_of(tls::Role::server, shown);
    config.dialed_through = tls::layer_of(tls::Role::client, pki.of("server"));
  }
  raft::Message vote(const Member& from, const Member& to, std::uint64_t term) {
    return {.from = from.self,
            .to = to.self,
            .term = raft::Term(term),
            .body = raft::VoteRequest{},
            .life = kLife};
  }

  tls::PkiFiles pki;
  tls::Options shown = pki.of("server");
  Config config;
};

TEST_F(SecurePeers, HearEachOther) {
  Member a(io, 1, kCluster, config), b(io, 2, kCluster, config);
  introduce(a, b);
  a.peers->send(vote(a, b, 1));
  b.peers->send(vote(b, a, 2));
  ASSERT_TRUE(reached([&] { return a.recorder.messages.size() == 1 && b.recorder.messages.size() == 1; }));
  EXPECT_TRUE(connected(a));
}

TEST_F(SecurePeers, HearNobodyWithoutACertificate) {
  Config nobody = config;
  tls::Options believes;
  believes.trusted_ca_file = pki.path("ca.crt");
  nobody.dialed_through = tls::layer_of(tls::Role::client, believes);
  Member a(io, 1, kCluster, config), b(io, 2, kCluster, nobody);
  introduce(a, b);
  b.peers->send(vote(b, a, 1));
  ASSERT_TRUE(reached([&] { return !b.recorder.links.empty(); }));
  EXPECT_EQ(b.recorder.links[0].why, "no TLS with it: it demands a certificate, and was shown none");
  EXPECT_TRUE(a.recorder.messages.empty());
}

TEST_F(SecurePeers, AreNotHeardByWhoSpeaksPlaintextNorHearIt) {
  Member a(io, 1, kCluster, config), b(io, 2);
  introduce(a, b);
  b.peers->send(vote(b, a, 1));
  a.peers->send(vote(a, b, 1));
  ASSERT_TRUE(reached([&] { return !a.recorder.links.empty() && !b.recorder.links.empty(); }));
  EXPECT_FALSE(a.recorder.links[0].connected || b.recorder.links[0].connected);
  EXPECT_TRUE(a.recorder.messages.empty() && b.recorder.messages.empty());
  Stranger stranger(io, a);
  stranger.say("anything at all");
  EXPECT_TRUE(reached([&] { return stranger.closed; }));
}

}  // namespace
}  // namespace cairn::peer
