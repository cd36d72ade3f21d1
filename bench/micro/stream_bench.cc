// What an idle stream costs the server, in a process of its own: memory, once every stream has carried a
// message each way and waits. Usage: stream_bench [connections] [streams on each]
#include <jemalloc/jemalloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "rpc/client.h"
#include "rpc/server.h"

namespace {

using cairn::rpc::GrpcCall;
using cairn::rpc::Method;
using cairn::rpc::MethodKind;

std::size_t allocated_bytes() {
  std::uint64_t epoch = 1;
  std::size_t bytes = 0, size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, sizeof epoch);
  size = sizeof bytes;
  mallctl("stats.allocated", &bytes, &size, nullptr, 0);
  return bytes;
}

std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Idle echoes; Memory answers with what the process takes.
struct Handler final : cairn::rpc::Handler {
  struct Echo final : cairn::rpc::GrpcStream {
    explicit Echo(std::shared_ptr<GrpcCall> with) : call(std::move(with)) {}
    void on_message(std::string_view message) override { call->send("", message); }
    void on_half_close() override { call->finish(cairn::Code::ok, ""); }
    std::shared_ptr<GrpcCall> call;
  };
  const Method* find_method(std::string_view path) const override {
    static constexpr Method kIdle{"/bench/Idle", MethodKind::stream}, kMemory{"/bench/Memory"};
    return path == kIdle.path ? &kIdle : &kMemory;
  }
  void on_unary(const Method&, std::shared_ptr<GrpcCall> call, std::string_view) override {
    call->send("", std::to_string(allocated_bytes()) + " " + std::to_string(resident_bytes()));
    call->finish(cairn::Code::ok, "");
  }
  std::unique_ptr<cairn::rpc::GrpcStream> open_stream(const Method&,
                                                      const std::shared_ptr<GrpcCall>& call) override {
    return std::make_unique<Echo>(call);
  }
  void on_http(std::shared_ptr<cairn::rpc::HttpCall> call) override { call->respond({}); }
};

[[noreturn]] void serve(int port_to) {
  boost::asio::io_context io{1};
  Handler handler;
  cairn::rpc::Server server(io, {}, handler);
  const std::uint16_t port = server.listen("127.0.0.1", 0).value_or(0);
  if (write(port_to, &port, sizeof port) != sizeof port) _exit(1);
  io.run();
  _exit(0);
}

struct Memory {
  double allocated = 0, resident = 0;
};

Memory memory_of(boost::asio::io_context& io, cairn::rpc::GrpcClient& client) {
  const auto result = cairn::rpc::call_and_wait(io, client, "/bench/Memory", "");
  Memory memory;
  std::sscanf(result.message.c_str(), "%lf %lf", &memory.allocated, &memory.resident);
  return memory;
}

std::size_t argument(int argc, char** argv, int at, std::size_t otherwise) {
  return at < argc ? std::strtoull(argv[at], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t connections = argument(argc, argv, 1, 100);
  const std::size_t streams = argument(argc, argv, 2, 100);
  int ends[2] = {};
  if (pipe(ends) != 0) return 1;
  const pid_t server = fork();
  if (server == 0) serve(ends[1]);
  std::uint16_t port = 0;
  if (read(ends[0], &port, sizeof port) != sizeof port || port == 0) return 1;

  boost::asio::io_context io{1};
  std::vector<std::unique_ptr<cairn::rpc::GrpcClient>> clients;
  for (std::size_t i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<cairn::rpc::GrpcClient>(io, "127.0.0.1", port));
    memory_of(io, *clients.back());  // connects
  }
  const Memory before = memory_of(io, *clients.front());
  std::size_t answered = 0;
  for (const auto& client : clients) {
    for (std::size_t i = 0; i < streams; ++i) {
      const auto id = client->open_stream(
          "/bench/Idle", {}, [&answered](std::string_view) { ++answered; }, [](const auto&) {});
      client->write(id, "one message");
    }
  }
  while (answered < connections * streams) io.run_one();
  const Memory after = memory_of(io, *clients.front());
  const auto each = static_cast<double>(connections * streams);
  std::printf("%zu idle streams on %zu connections: %.0f bytes each allocated, %.0f resident\n",
              connections * streams, connections, (after.allocated - before.allocated) / each,
              (after.resident - before.resident) / each);
  kill(server, SIGTERM);
  waitpid(server, nullptr, 0);
  return 0;
}
