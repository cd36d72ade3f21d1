#include "server/clients.h"

#include <algorithm>
#include <utility>

#include "observe/log.h"
#include "observe/server_metrics.h"

namespace cairn::server {
namespace {

// What holds for the whole port is shared out; of connections the accepting one keeps the number itself.
rpc::Limits share_of(rpc::Limits limits, std::size_t front_ends) {
  for (std::size_t* const whole : {&limits.arriving_request_bytes_max, &limits.long_replies_max,
                                   &limits.open_streams_max, &limits.server_unsent_bytes_max})
    *whole = std::max<std::size_t>(*whole / front_ends, 1);
  return limits;
}

}  // namespace

Clients::Clients(boost::asio::io_context& loop, node::Member& replica, const api::Config& api,
                 const Limits& limits)
    : limits_(limits), metrics_(api.metrics), crowding_logged_(limits.crowding_logged), drain_timer_(loop) {
  if (limits.front_ends == 0) on_loop_.emplace(loop, replica, api, limits.rpc);
  std::vector<rpc::Server*> servers;
  for (std::size_t i = 0; i < limits.front_ends; ++i) {
    front_ends_.push_back(std::make_unique<FrontEnd>(
        loop, replica, api, share_of(limits.rpc, limits.front_ends), limits.front_end));
    servers.push_back(&front_ends_.back()->server());
  }
  if (!on_loop_) acceptor().spread_over(servers);
  acceptor().on_crowding([this](const std::string& source) { tell_of_crowding(source); });
}

void Clients::tell_of_crowding(const std::string& source) {
  if (metrics_ != nullptr) metrics_->connections_refused.add();
  const auto times = crowding_logged_.due(source, std::chrono::steady_clock::now());
  if (!times) return;
  log_warn("closed connections of a client that has as many open as one address may",
           {{"client", source}, {"open", limits_.rpc.connections_per_source_max}, {"closed", *times}});
}

Clients::~Clients() { stop(); }

Result<std::uint16_t> Clients::listen(const std::string& address, std::uint16_t port, net::Layer layer) {
  return acceptor().listen(address, port, std::move(layer));
}

void Clients::start() {
  for (std::size_t i = 0; i < front_ends_.size(); ++i) front_ends_[i]->start(i + 1);
}

bool Clients::listens() const {
  return std::any_of(front_ends_.begin(), front_ends_.end(),
                     [](const auto& front_end) { return front_end->crossing().listens(); });
}

void Clients::published(std::shared_ptr<const mvcc::View> view) {
  for (const auto& front_end : front_ends_)
    if (front_end->crossing().listens()) front_end->crossing().published(view);
}

void Clients::turn_ended() {
  for (const auto& front_end : front_ends_) front_end->crossing().turn_ended();
}

void Clients::drain(std::function<void()> done) {
  if (on_loop_) on_loop_->drain();
  draining_ = front_ends_.size();
  for (const auto& front_end : front_ends_) front_end->drain([this] { draining_ -= 1; });
  await_drained(limits_.drain_patience, std::move(done));
}

void Clients::await_drained(Duration patience, std::function<void()> done) {
  const bool idle = draining_ == 0 && (!on_loop_ || on_loop_->server().connections() == 0);
  if (idle || patience <= Duration::zero()) return done();
  drain_timer_.expires_after(limits_.drain_poll_interval);
  drain_timer_.async_wait([this, patience, done = std::move(done)](const boost::system::error_code&) mutable {
    await_drained(patience - limits_.drain_poll_interval, std::move(done));
  });
}

void Clients::stop() {
  if (on_loop_) on_loop_->server().end();  // while the replica is there, which the calls refer to
  // Connections move between the threads: all must have ended before the first server goes.
  for (const auto& front_end : front_ends_) front_end->stop();
}

}  // namespace cairn::server
