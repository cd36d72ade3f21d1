#include "load/watchers.h"

#include <algorithm>
#include <chrono>

#include "load/await_all.h"
#include "load/stamp.h"
#include "load/watch_skim.h"
#include "load/workload.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

constexpr std::string_view kWatchPath = "/etcdserverpb.Watch/Watch";
constexpr auto kOpenTimeout = std::chrono::seconds(10);  // without a further watch that stands

std::string end_of(const rpc::GrpcReply& reply) {
  return "a watch stream ended: " + (reply.status_message.empty()
                                         ? "grpc code " + std::to_string(static_cast<int>(reply.code))
                                         : std::string(reply.status_message));
}

}  // namespace

Watchers::Watchers(boost::asio::io_context& io, Connections& connections, const Options& options)
    : io_(io),
      connections_(connections),
      options_(options),
      streams_(std::min(options.watches, options.watch_streams)) {}

std::string Watchers::open() {
  for (std::uint64_t number = 0; number < streams_; ++number) open_stream(number);
  await_all(
      io_, options_.watches, [this] { return created_; }, tally_.problem(), kOpenTimeout);
  if (tally_.problem().empty() && created_ < options_.watches)
    tally_.error(std::to_string(created_) + " of " + std::to_string(options_.watches) +
                 " watches came about, and no further one within 10 s");
  return tally_.problem();
}

// Its watches are those whose number leaves this rest.
void Watchers::open_stream(std::uint64_t number) {
  rpc::GrpcClient& client = connections_.alive(number % connections_.size());
  const auto id = client.open_stream(
      kWatchPath, {}, [this](std::string_view message) { on_message(message); },
      [this](const rpc::GrpcReply& reply) { tally_.error(end_of(reply)); });
  for (std::uint64_t watch = number; watch < options_.watches; watch += streams_)
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
  if (!news.whole) return tally_.error("a response that is not whole");
  if (news.canceled) return tally_.error("a watch was cancelled: " + std::string(news.cancel_reason));
  if (news.created) created_ += 1;
  tally_.count(news.events);
  const std::uint64_t now_us = steady_now_us();
  for (const std::string_view value : values_)
    if (const auto written_us = stamp_of(value)) tally_.latency(now_us - std::min(now_us, *written_us));
}

Figures Watchers::run(const Progress& progress) {
  Figures figures = tally_.run(io_, options_.seconds, progress);
  connections_.close();
  return figures;
}

}  // namespace cairn::load
