// Fills a cluster with distinct keys in scattered order through etcd's API, so that the same keys and values
// end up in Cairn and in etcd: fill ENDPOINT KEYS ROUNDS [VALUE_BYTES]. Each round writes every key once.
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn {
namespace {

constexpr std::size_t kConnections = 4;
constexpr std::uint64_t kInFlight = 1000;
constexpr std::uint64_t kStep = 7919;  // prime: scatters, and meets every key unless it divides their number

class Fill {
 public:
  Fill(const std::string& host, std::uint16_t port, std::uint64_t keys, std::uint64_t rounds,
       std::size_t value_bytes)
      : keys_(keys), total_(keys * rounds), value_(value_bytes, '\0') {
    for (std::size_t i = 0; i < kConnections; ++i)
      clients_.push_back(std::make_unique<rpc::GrpcClient>(io_, host, port));
    Prng random(1);
    for (char& byte : value_) byte = static_cast<char>('a' + random.below(26));
  }

  int run() {
    for (std::uint64_t i = 0; i < kInFlight; ++i) send();
    io_.run();
    if (!failure_.empty()) std::fprintf(stderr, "error: a put failed: %s\n", failure_.c_str());
    return failure_.empty() ? 0 : 1;
  }

 private:
  void send() {
    if (next_ == total_ || !failure_.empty()) return;
    char key[32];
    std::snprintf(key, sizeof key, "bench/%012llu",
                  static_cast<unsigned long long>(next_ % keys_ * kStep % keys_));
    put_.set_key(key);
    // No two values alike, as in life: equal ones would compress away.
    for (std::size_t i = 0; i < value_.size(); ++i)
      value_[i] = static_cast<char>('a' + (random_.next() & 15));
    put_.set_value(value_);
    rpc::GrpcClient& client = *clients_[next_++ % clients_.size()];
    client.call("/etcdserverpb.KV/Put", put_.SerializeAsString(), [this](const rpc::GrpcReply& reply) {
      if (reply.code != Code::ok) failure_ = reply.status_message;
      if (++done_ == total_ || !failure_.empty()) return io_.stop();
      send();
    });
  }

  boost::asio::io_context io_;
  std::vector<std::unique_ptr<rpc::GrpcClient>> clients_;
  const std::uint64_t keys_, total_;
  std::string value_, failure_;
  Prng random_{2};
  etcdserverpb::PutRequest put_;
  std::uint64_t next_ = 0, done_ = 0;
};

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
  const std::string endpoint = argc > 1 ? argv[1] : "";
  const std::size_t colon = endpoint.rfind(':');
  if (argc < 4 || colon == std::string::npos) {
    std::fprintf(stderr, "usage: fill HOST:PORT KEYS ROUNDS [VALUE_BYTES]\n");
    return 2;
  }
  return cairn::Fill(endpoint.substr(0, colon),
                     static_cast<std::uint16_t>(std::atoi(endpoint.c_str() + colon + 1)),
                     std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
                     argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 256)
      .run();
}
