#include "load/load.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "load/tally.h"

namespace cairn::load {
namespace {

using std::chrono::microseconds;

constexpr auto kPauseAfterError = std::chrono::milliseconds(10);
constexpr std::size_t kLinesMax = 20'000'000;

std::string kind_of(const rpc::GrpcReply& reply) {
  if (!reply.status_message.empty()) return std::string(reply.status_message);
  return "grpc code " + std::to_string(static_cast<int>(reply.code));
}

std::uint64_t micros(Load::Clock::duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<microseconds>(duration).count()));
}

Load::Clock::duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Load::Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Load::Load(boost::asio::io_context& io, Connections& connections, Plan plan)
    : io_(io),
      connections_(connections),
      plan_(std::move(plan)),
      due_timer_(io),
      rest_timer_(io),
      show_timer_(io) {
  for (int s = 0; s < plan_.streams; ++s)
    for (std::size_t c = 0; c < connections_.size(); ++c) streams_.push_back({c, 0, false, {}, {}});
  for (std::size_t i = streams_.size(); i > 0; --i) idle_.push_back(i - 1);
}

Figures Load::run() {
  const double cpu_before = cpu_seconds();
  start_ = Clock::now();
  record_.start_unix_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  end_ = plan_.calls > 0 ? Clock::time_point::max() : start_ + from_seconds(plan_.seconds);
  if (plan_.progress) show_each_second();
  io_.restart();
  boost::asio::post(io_, [this] { feed(); });
  if (plan_.calls > 0) {
    io_.run();
  } else {
    io_.run_until(end_);
    finish_if_done();
    if (!io_.stopped()) io_.run_until(end_ + plan_.drain_timeout);
  }
  figures_.seconds =
      plan_.calls > 0 ? std::chrono::duration<double>(Clock::now() - start_).count() : plan_.seconds;
  figures_.client_cpu_seconds = cpu_seconds() - cpu_before;
  if (in_flight_ > 0) give_up_waiting();
  if (open_loop()) {
    const auto planned = static_cast<std::uint64_t>(plan_.rate * plan_.seconds);
    figures_.unsent = planned > issued_ ? planned - issued_ : 0;
  }
  for (boost::asio::steady_timer* timer : {&due_timer_, &rest_timer_, &show_timer_}) timer->cancel();
  return std::move(figures_);
}

// No answer may find the load gone, so none may come any more.
void Load::give_up_waiting() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(plan_.drain_timeout).count();
  figures_.errors["no answer within " + std::to_string(seconds) + " s of the end"] += in_flight_;
  figures_.error_count += in_flight_;
  over_ = true;
  connections_.close();
}

Load::Clock::time_point Load::due(std::uint64_t number) const {
  return start_ + from_seconds(static_cast<double>(number) / plan_.rate);
}

bool Load::all_sent() const { return plan_.calls > 0 && issued_ == plan_.calls; }

// Gives idle streams what is due.
void Load::feed() {
  Clock::time_point now = Clock::now();
  while (!idle_.empty() && !all_sent()) {
    const Clock::time_point when = open_loop() ? due(issued_) : now;
    if (when >= end_) return;
    if (when > now) {
      // The clock has moved on while calls were made.
      now = Clock::now();
      if (when <= now) continue;
      if (due_armed_) return;
      due_armed_ = true;
      due_timer_.expires_at(when);
      due_timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;  // cancelled: the load may be gone
        due_armed_ = false;
        feed();
      });
      return;
    }
    const std::size_t stream = idle_.back();
    idle_.pop_back();
    streams_[stream].due = when;
    streams_[stream].number = issued_++;
    issue(stream);
  }
}

void Load::issue(std::size_t stream) {
  in_flight_ += 1;
  const Workload::Call call = plan_.call(streams_[stream].number);
  rpc::GrpcClient& client = connections_.alive(streams_[stream].connection);
  if (!call.reads_keys) {
    return client.call(call.path, call.request,
                       [this, stream](const rpc::GrpcReply& reply) { finished(stream, reply); });
  }
  streams_[stream].answer = {};
  client.call_in_pieces(
      call.path, call.request,
      [this, stream](std::string_view piece) { streams_[stream].answer.feed(piece); },
      [this, stream](rpc::GrpcReply reply) {
        if (reply.code == Code::ok && !streams_[stream].answer.whole()) {
          reply.code = Code::data_loss;
          reply.status_message = "the answer is not whole";
        }
        finished(stream, reply);
      });
}

void Load::finished(std::size_t stream, const rpc::GrpcReply& reply) {
  if (over_) return;
  const Clock::time_point now = Clock::now();
  in_flight_ -= 1;
  if (reply.code != Code::ok) {
    failed(stream, now, reply);
    return finish_if_done();
  }
  const std::uint64_t latency_us = micros(now - streams_[stream].due);
  figures_.latencies.record(latency_us);
  if (plan_.progress) interval_.record(latency_us);
  if (plan_.record) write_line(streams_[stream], latency_us, 0);
  succeeded_ += 1;
  if (now <= end_) figures_.in_time += 1;
  idle_.push_back(stream);
  if (now < end_ && !all_sent()) return feed();
  finish_if_done();
}

void Load::failed(std::size_t stream, Clock::time_point now, const rpc::GrpcReply& reply) {
  const std::string kind = count_error(&figures_, kind_of(reply));
  if (plan_.record) {
    auto found = std::find(record_.outcomes.begin(), record_.outcomes.end(), kind);
    if (found == record_.outcomes.end()) found = record_.outcomes.insert(record_.outcomes.end(), kind);
    write_line(streams_[stream], micros(now - streams_[stream].due),
               static_cast<std::uint32_t>(1 + (found - record_.outcomes.begin())));
  }
  streams_[stream].repeats = plan_.calls > 0;
  resting_.emplace_back(now + kPauseAfterError, stream);
  wake_rested();
}

// A stream rests after an error, so that a server that refuses everything is not asked without pause.
void Load::wake_rested() {
  if (rest_armed_ || resting_.empty()) return;
  rest_armed_ = true;
  rest_timer_.expires_at(resting_.front().first);
  rest_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // cancelled: the load may be gone
    rest_armed_ = false;
    const Clock::time_point now = Clock::now();
    while (!resting_.empty() && resting_.front().first <= now) {
      const std::size_t stream = resting_.front().second;
      resting_.pop_front();
      if (streams_[stream].repeats) {
        streams_[stream].repeats = false;
        issue(stream);
      } else {
        idle_.push_back(stream);
      }
    }
    feed();
    wake_rested();
  });
}

void Load::finish_if_done() {
  if (in_flight_ > 0) return;
  if (plan_.calls > 0 ? succeeded_ == plan_.calls : Clock::now() >= end_) io_.stop();
}

void Load::show_each_second() {
  show_timer_.expires_after(std::chrono::seconds(1));
  show_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    plan_.progress(static_cast<double>(succeeded_ - shown_), interval_.quantile(0.99), figures_.error_count);
    shown_ = succeeded_;
    interval_ = Histogram();
    show_each_second();
  });
}

void Load::write_line(const Stream& stream, std::uint64_t latency_us, std::uint32_t outcome) {
  if (record_.lines.size() < kLinesMax)
    record_.lines.push_back({micros(stream.due - start_), latency_us, outcome});
}

}  // namespace cairn::load
