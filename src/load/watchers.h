// Watchers: watches on the keys of a benchmark: how many events come, and how late after their values were
// written (stamp.h). Idle ones watch keys that nobody writes; stalled ones read nothing. The writing is
// another load's, in another process if it is to be measured itself. A stream that ends counts as an error
// and is not opened again: what it misses would look like what was lost. Outlives whatever runs
// the io_context. Threading: one thread; open() and run() block.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/connections.h"
#include "load/options.h"
#include "load/tally.h"

namespace cairn::load {

class Watchers {
 public:
  Watchers(boost::asio::io_context& io, Connections& connections, const Options& options);

  std::string open();                     // all watches stand; or what is wrong
  Figures run(const Progress& progress);  // for Options::seconds; closes the connections at its end

 private:
  void open_stream(std::uint64_t number);
  std::string create_request(std::uint64_t watch) const;
  void on_message(std::string_view response);

  boost::asio::io_context& io_;
  Connections& connections_;
  const Options& options_;
  const std::uint64_t streams_;
  std::uint64_t created_ = 0;
  std::vector<std::string_view> values_;  // of one response
  Tally tally_;
};

}  // namespace cairn::load
