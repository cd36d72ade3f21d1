// Load: puts a workload on connections and counts what comes back.
// Closed loop: every stream has one call in flight and starts the next when the answer comes. Open loop:
// calls are due at a fixed rate whatever the answers do, and latency counts from the moment a call was due,
// so that a server that stands still cannot hide the calls it has kept waiting. Threading: one thread, run()
// blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "load/connections.h"
#include "load/figures.h"
#include "load/range_skim.h"
#include "load/workload.h"

namespace cairn::load {

class Load {
 public:
  using Clock = std::chrono::steady_clock;
  struct Plan {
    std::function<Workload::Call(std::uint64_t)> call;  // of this number
    int streams = 1;                                    // on each connection
    double rate = 0;                                    // 0: closed loop
    double seconds = 0;                                 // or, when `calls` is not 0, until they are done
    std::uint64_t calls = 0;                            // each repeated until it succeeds
    Clock::duration drain_timeout = std::chrono::seconds(10);  // for answers, after `seconds`
    bool record = false;
    Progress progress;
  };

  Load(boost::asio::io_context& io, Connections& connections, Plan plan);
  Figures run();  // where answers are missing at the end, it closes the connections
  const Record& record() const { return record_; }

 private:
  struct Stream {
    std::size_t connection = 0;
    std::uint64_t number = 0;  // of the call in flight
    bool repeats = false;      // the call failed and is to be sent again
    Clock::time_point due;
    RangeSkim answer;  // of a call that reads keys
  };

  bool open_loop() const { return plan_.rate > 0; }
  bool all_sent() const;
  Clock::time_point due(std::uint64_t number) const;
  void feed();
  void issue(std::size_t stream);
  void finished(std::size_t stream, const rpc::GrpcReply& reply);
  void failed(std::size_t stream, Clock::time_point now, const rpc::GrpcReply& reply);
  void wake_rested();
  void show_each_second();
  void write_line(const Stream& stream, std::uint64_t latency_us, std::uint32_t outcome);
  void finish_if_done();
  void give_up_waiting();

  boost::asio::io_context& io_;
  Connections& connections_;
  Plan plan_;
  std::vector<Stream> streams_;
  std::vector<std::size_t> idle_;
  std::deque<std::pair<Clock::time_point, std::size_t>>
      resting_;  // after an error; the pause is always the same
  boost::asio::steady_timer due_timer_, rest_timer_, show_timer_;
  bool due_armed_ = false, rest_armed_ = false, over_ = false;
  Clock::time_point start_, end_;
  std::uint64_t issued_ = 0, succeeded_ = 0, shown_ = 0;
  std::size_t in_flight_ = 0;
  Histogram interval_;
  Figures figures_;
  Record record_;
};

}  // namespace cairn::load
