// A steady load through etcd's v3 API that says what became of every single request:
//   steady_load --endpoints 127.0.0.1:2379,127.0.0.1:3379 [--puts 500] [--reads 100] > calls
// until its standard input closes; then it waits for what is under way and checks what is in the store.
// Requests go to the endpoints in turn, by a schedule: one that waits does not keep others from being sent.
// Each put writes its own key, so a key of version 2 was written twice. Each read asks, linearizably, for the
// newest key whose put had been acknowledged before: one that does not find it is stale. Lines of the output:
//   call KIND ENDPOINT BEGUN_US DONE_US CODE MESSAGE     KIND: put or read; times of CLOCK_MONOTONIC
//   stale KEY ENDPOINT, twice KEY, lost KEY, kept COUNT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::load {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(1);
constexpr auto kPatience = std::chrono::seconds(30);  // longer than any server's own
constexpr std::int64_t kPage = 10000;

std::int64_t micros(Clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch()).count();
}

class Load {
 public:
  Load(const std::vector<std::string>& endpoints, std::int64_t puts, std::int64_t reads)
      : puts_{puts, {}}, reads_{reads, {}}, timer_(io_), input_(io_, ::dup(0)) {
    for (const std::string& endpoint : endpoints) {
      const std::size_t colon = endpoint.rfind(':');
      clients_.push_back(std::make_unique<rpc::GrpcClient>(
          io_, endpoint.substr(0, colon), static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1)))));
    }
  }

  int run() {
    puts_.start = reads_.start = Clock::now();
    wait_for_end_of_input();
    tick();
    while (!stopped_ || is_waiting()) io_.run_one_for(kTick);
    return check() ? 0 : 1;
  }

 private:
  std::string key_of(std::uint64_t number) const { return prefix_ + std::to_string(number); }

  struct Stream {
    std::int64_t rate;
    Clock::time_point start;
    std::int64_t sent = 0;
    bool is_due(Clock::time_point now) const {
      return rate > 0 && sent < (now - start) / std::chrono::microseconds(1) * rate / 1'000'000;
    }
  };

  bool is_waiting() const {
    return std::any_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->open_calls() > 0; });
  }

  void wait_for_end_of_input() {
    input_.async_wait(boost::asio::posix::descriptor_base::wait_read, [this](const auto&) {
      char byte = 0;
      if (::read(input_.native_handle(), &byte, 1) > 0) return wait_for_end_of_input();
      stopped_ = true;
    });
  }

  void tick() {
    if (stopped_) return;
    const Clock::time_point now = Clock::now();
    for (; puts_.is_due(now); ++puts_.sent) put();
    for (; reads_.is_due(now); ++reads_.sent) read();
    timer_.expires_after(kTick);
    timer_.async_wait([this](const auto&) { tick(); });
  }

  void put() {
    const std::size_t at = static_cast<std::size_t>(puts_.sent) % clients_.size();
    const std::uint64_t number = ++last_key_;
    etcdserverpb::PutRequest request;
    request.set_key(key_of(number));
    request.set_value(std::string(256, 'v'));
    call("put", at, "/etcdserverpb.KV/Put", request.SerializeAsString(), [this, number](const auto& reply) {
      if (reply.code != Code::ok) return;
      acknowledged_.insert(number);
      newest_ = number;
    });
  }

  void read() {
    if (newest_ == 0) return;
    const std::size_t at = static_cast<std::size_t>(reads_.sent) % clients_.size();
    const std::string key = key_of(newest_);
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    call("read", at, "/etcdserverpb.KV/Range", request.SerializeAsString(), [key, at](const auto& reply) {
      if (reply.code != Code::ok) return;
      etcdserverpb::RangeResponse response;
      if (!response.ParseFromArray(reply.message.data(), static_cast<int>(reply.message.size())) ||
          response.kvs_size() != 1)
        std::cout << "stale " << key << ' ' << at << '\n';
    });
  }

  template <class Then>
  void call(const char* kind, std::size_t at, std::string_view path, const std::string& request, Then then) {
    const Clock::time_point begun = Clock::now();
    clients_[at]->call(path, request, {}, kPatience, [=](const rpc::GrpcReply& reply) {
      then(reply);
      std::cout << "call " << kind << ' ' << at << ' ' << micros(begun) << ' ' << micros(Clock::now()) << ' '
                << static_cast<int>(reply.code) << ' ' << reply.status_message << '\n';
    });
  }

  // Any endpoint that answers will do: the read is linearizable.
  bool page(const std::string& from, etcdserverpb::RangeResponse* response) {
    etcdserverpb::RangeRequest request;
    request.set_key(from);
    request.set_range_end(prefix_ + ':');  // the character after the last digit
    request.set_keys_only(true);
    request.set_limit(kPage);
    for (const auto& client : clients_) {
      io_.restart();
      const rpc::GrpcResult got =
          rpc::call_and_wait(io_, *client, "/etcdserverpb.KV/Range", request.SerializeAsString());
      if (got.code == Code::ok) return response->ParseFromString(got.message);
    }
    return false;
  }

  bool check() {
    std::set<std::string> present;
    std::string from = prefix_;
    for (bool more = true; more;) {
      etcdserverpb::RangeResponse response;
      if (!page(from, &response)) return std::cout << "nobody answers\n", false;
      for (const mvccpb::KeyValue& kv : response.kvs()) {
        present.insert(kv.key());
        if (kv.version() != 1) std::cout << "twice " << kv.key() << '\n';
      }
      more = response.more();
      if (more) from = response.kvs().rbegin()->key() + '\0';
    }
    for (const std::uint64_t number : acknowledged_)
      if (!present.contains(key_of(number))) std::cout << "lost " << key_of(number) << '\n';
    std::cout << "kept " << present.size() << '\n';
    return true;
  }

  const std::string prefix_ = "load/" + std::to_string(micros(Clock::now())) + '/';  // of this run
  boost::asio::io_context io_;
  Stream puts_, reads_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor input_;
  std::vector<std::unique_ptr<rpc::GrpcClient>> clients_;
  std::uint64_t last_key_ = 0, newest_ = 0;
  std::set<std::uint64_t> acknowledged_;
  bool stopped_ = false;
};

}  // namespace
}  // namespace cairn::load

int main(int argc, char** argv) {
  CLI::App app("a steady load that says what became of every request");
  std::vector<std::string> endpoints;
  std::int64_t puts = 500, reads = 100;
  app.add_option("--endpoints", endpoints, "host:port,...")->required()->delimiter(',');
  app.add_option("--puts", puts, "a second, over all endpoints");
  app.add_option("--reads", reads, "a second, over all endpoints");
  CLI11_PARSE(app, argc, argv);
  return cairn::load::Load(endpoints, puts, reads).run();
}
