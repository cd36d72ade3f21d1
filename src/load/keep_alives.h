// KeepAlives: leases that are kept alive as often as answers come: each on a stream of its own, with one
// request in flight. Outlives whatever runs the io_context. Threading: one thread; open() and run() block.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "load/connections.h"
#include "load/options.h"
#include "load/tally.h"

namespace cairn::load {

class KeepAlives {
 public:
  KeepAlives(boost::asio::io_context& io, Connections& connections, const Options& options);

  std::string open();                     // every lease is granted and has a stream; or what is wrong
  Figures run(const Progress& progress);  // for Options::seconds; closes the connections at its end

 private:
  using Clock = std::chrono::steady_clock;
  struct Stream {
    rpc::GrpcClient* client = nullptr;
    rpc::GrpcClient::StreamId id = 0;
    std::string request;
    Clock::time_point sent;
  };
  void grant(std::size_t stream);
  void ask(std::size_t stream);
  void on_message(std::size_t stream, std::string_view response);

  boost::asio::io_context& io_;
  Connections& connections_;
  const Options& options_;
  std::vector<Stream> streams_;
  std::uint64_t granted_ = 0;
  Tally tally_;
};

}  // namespace cairn::load
