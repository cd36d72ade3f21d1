#include "load/session.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>

#include "load/connections.h"
#include "load/keep_alives.h"
#include "load/load.h"
#include "load/watchers.h"
#include "load/workload.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

constexpr int kFillInFlight = 16;  // calls of up to a hundred puts each
constexpr auto kCountTimeout = std::chrono::seconds(60);

}  // namespace

struct Session::Impl {
  Impl(const std::vector<std::string>& endpoints, const Options& chosen)
      : options(chosen), workload(chosen), connections(io, endpoints, options.stalled, options.tls) {}

  Options options;
  boost::asio::io_context io;
  Workload workload;
  Connections connections;
  std::optional<Watchers> watchers;
  std::optional<KeepAlives> keep_alives;
  Record record;
};

Session::Session(const std::vector<std::string>& endpoints, const Options& options)
    : impl_(std::make_unique<Impl>(endpoints, options)) {}
Session::~Session() = default;

std::string Session::open() { return impl_->connections.open(impl_->options.connections); }

std::string Session::prepare() {
  if (impl_->options.kind == "watch")
    return impl_->watchers.emplace(impl_->io, impl_->connections, impl_->options).open();
  if (impl_->options.kind == "keep-alive")
    return impl_->keep_alives.emplace(impl_->io, impl_->connections, impl_->options).open();
  return "";
}

void Session::close() { impl_->connections.close(); }
Record Session::take_record() { return std::move(impl_->record); }

bool Session::lacks_keys() {
  if (!impl_->workload.needs_keys()) return false;
  const Workload::Call call = impl_->workload.count();
  const rpc::GrpcResult result =
      rpc::call_and_wait(impl_->io, impl_->connections.alive(0), call.path, call.request, {}, kCountTimeout);
  etcdserverpb::RangeResponse response;
  return result.code != Code::ok || !response.ParseFromString(result.message) ||
         static_cast<std::uint64_t>(response.count()) != impl_->options.keys;
}

Figures Session::fill(Progress progress) {
  Load::Plan plan;
  plan.call = [this](std::uint64_t number) { return impl_->workload.fill(number); };
  plan.calls = impl_->workload.fill_calls();
  plan.streams = std::max(1, kFillInFlight / static_cast<int>(impl_->connections.size()));
  if (progress) {
    const double keys_a_call = static_cast<double>(impl_->options.keys) / static_cast<double>(plan.calls);
    plan.progress = [keys_a_call, progress = std::move(progress)](double calls, std::uint64_t p99_us,
                                                                  std::uint64_t errors) {
      progress(calls * keys_a_call, p99_us, errors);
    };
  }
  return Load(impl_->io, impl_->connections, std::move(plan)).run();
}

Figures Session::measure(Progress progress) {
  if (impl_->watchers) return impl_->watchers->run(progress);
  if (impl_->keep_alives) return impl_->keep_alives->run(progress);
  Load::Plan plan;
  plan.call = [this](std::uint64_t) { return impl_->workload.next(); };
  plan.streams = impl_->options.streams;
  plan.rate = impl_->options.rate;
  plan.seconds = impl_->options.seconds;
  plan.record = !impl_->options.record.empty();
  plan.progress = std::move(progress);
  Load load(impl_->io, impl_->connections, std::move(plan));
  Figures figures = load.run();
  impl_->record = load.record();
  return figures;
}

}  // namespace cairn::load
