// What a unary call costs the server: an echoing server on one thread, the client on another.
// Usage: rpc_bench [connections] [calls in flight each] [seconds] [message bytes]
#include <sys/resource.h>
#include <time.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "rpc/client.h"
#include "rpc/server.h"

namespace {

using namespace std::chrono_literals;

struct Echo : cairn::rpc::Handler {
  const cairn::rpc::Method* find_method(std::string_view) const override {
    static constexpr cairn::rpc::Method kPut{"/etcdserverpb.KV/Put"};
    return &kPut;
  }
  void on_unary(const cairn::rpc::Method&, std::shared_ptr<cairn::rpc::GrpcCall> call,
                std::string_view request) override {
    call->send("", request);
    call->finish(cairn::Code::ok, "");
  }
  std::unique_ptr<cairn::rpc::GrpcStream> open_stream(const cairn::rpc::Method&,
                                                      const std::shared_ptr<cairn::rpc::GrpcCall>&) override {
    return nullptr;
  }
  void on_http(std::shared_ptr<cairn::rpc::HttpCall> call) override { call->respond({}); }
};

double thread_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

std::size_t argument(int argc, char** argv, int at, std::size_t otherwise) {
  return at < argc ? std::strtoull(argv[at], nullptr, 10) : otherwise;
}

struct Load {
  Load(boost::asio::io_context& io, std::uint16_t port, std::size_t connections, std::size_t bytes)
      : request(bytes, 'x') {
    for (std::size_t i = 0; i < connections; ++i) {
      clients.push_back(std::make_unique<cairn::rpc::GrpcClient>(io, "127.0.0.1", port));
    }
  }
  void next(cairn::rpc::GrpcClient* client) {
    if (stopping) return;
    client->call("/etcdserverpb.KV/Put", request, [this, client](const cairn::rpc::GrpcReply& reply) {
      ++(reply.code == cairn::Code::ok ? succeeded : failed);
      next(client);
    });
  }
  std::string request;
  std::vector<std::unique_ptr<cairn::rpc::GrpcClient>> clients;
  std::size_t succeeded = 0;
  std::size_t failed = 0;
  bool stopping = false;
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t connections = argument(argc, argv, 1, 10);
  const std::size_t in_flight = argument(argc, argv, 2, 100);
  const std::size_t seconds = argument(argc, argv, 3, 5);
  const std::size_t bytes = argument(argc, argv, 4, 128);

  boost::asio::io_context server_io{1};
  Echo echo;
  cairn::rpc::Server server(server_io, {}, echo);
  const auto port = server.listen("127.0.0.1", 0);
  if (!port) {
    std::fprintf(stderr, "%s\n", port.error().message.c_str());
    return 1;
  }
  std::promise<double> server_cpu;
  std::thread server_thread([&] {
    server_io.run();
    server_cpu.set_value(thread_cpu_seconds());
  });

  boost::asio::io_context client_io{1};
  Load load(client_io, *port, connections, bytes);
  for (const auto& client : load.clients) {
    for (std::size_t i = 0; i < in_flight; ++i) load.next(client.get());
  }
  const double client_cpu_before = thread_cpu_seconds();
  const auto began = std::chrono::steady_clock::now();
  client_io.run_for(std::chrono::seconds(seconds));
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const double client_cpu = thread_cpu_seconds() - client_cpu_before;
  load.stopping = true;
  server_io.stop();
  server_thread.join();
  const auto calls = static_cast<double>(load.succeeded);
  std::printf(
      "%zu connections x %zu calls, %zu bytes: %.0f calls/s, server %.2f us CPU a call, client %.2f us, %zu "
      "failed\n",
      connections, in_flight, bytes, calls / elapsed, server_cpu.get_future().get() / calls * 1e6,
      client_cpu / calls * 1e6, load.failed);
  return load.failed == 0 ? 0 : 1;
}
