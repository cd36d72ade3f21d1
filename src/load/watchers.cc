#include "load/watchers.h"

#include <algorithm>
#include <chrono>

#include "load/stamp.h"
#include "load/watch_skim.h"
#include "load/workload.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kWatchPath = "/etcdserverpb.Watch/Watch";
constexpr auto kOpenTimeout = std::chrono::seconds(10);  // without a further watch that stands

std::string end_of(const rpc::GrpcReply& reply) {
  return "a watch stream ended: " + (reply.status_message.empty()
                                         ? "grpc code " + std::to_string(static_cast<int>(reply.code))
                                         : std::string(reply.status_message));
}

}  // namespace

Watchers::Watchers(boost::asio::io_context& io, Connections& connections, const Options& options)
    : io_(io), connections_(connections), options_(options) {}

std::string Watchers::open() {
  const std::uint64_t streams = std::min<std::uint64_t>(options_.watches, options_.watch_streams);
  for (std::uint64_t number = 0; number < streams; ++number) open_stream(number);
  std::uint64_t before = 0;
  do {
    before = created_;
    io_.restart();
    const auto deadline = Clock::now() + kOpenTimeout;
    while (created_ < options_.watches && problem_.empty() && io_.run_one_until(deadline) > 0) continue;
  } while (created_ < options_.watches && problem_.empty() && created_ > before);
  if (problem_.empty() && created_ < options_.watches)
    problem_ = std::to_string(created_) + " of " + std::to_string(options_.watches) +
               " watches stand, and no further one came about within 10 s";
  return problem_;
}

// Its watches are those whose number leaves this rest.
void Watchers::open_stream(std::uint64_t number) {
  rpc::GrpcClient& client = connections_.alive(number % connections_.size());
  const auto id = client.open_stream(
      kWatchPath, {}, [this](std::string_view message) { on_message(message); },
      [this](const rpc::GrpcReply& reply) { went_wrong(end_of(reply)); });
  const std::uint64_t streams = std::min<std::uint64_t>(options_.watches, options_.watch_streams);
  for (std::uint64_t watch = number; watch < options_.watches; watch += streams)
    client.write(id, create_request(watch));
}

std::string Watchers::create_request(std::uint64_t watch) const {
  etcdserverpb::WatchRequest request;
  auto* const create = request.mutable_create_request();
  if (options_.idle) {
    create->set_key("idle/" + std::to_string(watch));
  } else {
    create->set_key(bench_key(0));
    create->set_range_end(bench_key(options_.keys));
  }
  return request.SerializeAsString();
}

void Watchers::on_message(std::string_view response) {
  values_.clear();
  const WatchNews news = skim_watch(response, &values_);
  if (!news.whole) return went_wrong("a response that is not whole");
  if (news.canceled) return went_wrong("a watch was cancelled: " + std::string(news.cancel_reason));
  if (news.created) created_ += 1;
  tally_.count(news.events);
  const std::uint64_t now_us = steady_now_us();
  for (const std::string_view value : values_)
    if (const auto written_us = stamp_of(value)) tally_.latency(now_us - std::min(now_us, *written_us));
}

void Watchers::went_wrong(const std::string& what) {
  problem_ = what;
  tally_.error(what);
}

Figures Watchers::run(const Progress& progress) {
  Figures figures = tally_.run(io_, options_.seconds, progress);
  connections_.close();
  return figures;
}

}  // namespace cairn::load
