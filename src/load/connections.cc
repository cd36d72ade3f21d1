#include "load/connections.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "client/secure.h"
#include "io/file_limit.h"
#include "load/await_all.h"
#include "load/workload.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

constexpr char kProbePath[] = "/etcdserverpb.KV/Range";
constexpr auto kProbePause = std::chrono::milliseconds(20);
constexpr auto kOpenTimeout = std::chrono::seconds(5);
constexpr std::uint32_t kStalledWindowBytes = 64 << 10;
constexpr int kOpeningMax = 64;  // at once, below what listeners queue

}  // namespace

Connections::Connections(boost::asio::io_context& io, const std::vector<std::string>& endpoints, bool stalled,
                         client::Tls tls)
    : io_(io), names_(endpoints), tls_(std::move(tls)), probe_timer_(io) {
  client_options_.grants_windows = !stalled;
  if (stalled) client_options_.stream_window_bytes = kStalledWindowBytes;
  etcdserverpb::RangeRequest probe;
  probe.set_key(bench_key(0));
  probe.set_serializable(true);
  probe_ = probe.SerializeAsString();
}

std::string Connections::resolve(const std::string& endpoint) {
  const auto parsed = client::parse_endpoint(endpoint);
  if (!parsed) return "'" + endpoint + "' is no endpoint: one looks like http://127.0.0.1:2379";
  boost::system::error_code error;
  boost::asio::ip::tcp::resolver resolver(io_);
  const auto found = resolver.resolve(boost::asio::ip::tcp::v4(), parsed->host, "", error);
  const auto any = found.empty() ? resolver.resolve(parsed->host, "", error) : found;
  if (any.empty()) return "cannot find " + parsed->host + ": " + error.message();
  targets_.push_back({any.begin()->endpoint().address().to_string(), parsed->port});
  if (!parsed->secure) return "";
  Result<net::Layer> layer = client::layer_to(parsed->host, tls_, client::Http::two);
  if (!layer) return layer.error().message;
  targets_.back().layer = *std::move(layer);
  return "";
}

std::string Connections::open(int count) {
  io::raise_file_limit();  // a connection each is a file descriptor each
  for (const std::string& name : names_)
    if (std::string problem = resolve(name); !problem.empty()) return problem;
  for (int i = 0; i < count; ++i) {
    const Target& to = targets_[static_cast<std::size_t>(i) % targets_.size()];
    client_options_.layer = to.layer;
    connections_.push_back({std::make_unique<rpc::GrpcClient>(io_, to.address, to.port, client_options_)});
  }
  std::string problem;
  for (int i = 0; i < std::min(kOpeningMax, count); ++i) open_next(count, &problem);
  await_all(
      io_, static_cast<std::uint64_t>(count), [this] { return static_cast<std::uint64_t>(answered_); },
      problem, kOpenTimeout);
  if (problem.empty() && answered_ < count)
    problem = "no answer from " + names_[static_cast<std::size_t>(answered_) % names_.size()];
  return problem;
}

void Connections::open_next(int count, std::string* problem) {
  if (asked_ == count) return;
  const auto which = static_cast<std::size_t>(asked_++);
  connections_[which].client->call(kProbePath, probe_, [=, this](const rpc::GrpcReply& reply) {
    if (reply.code != Code::ok) {
      *problem = "cannot use " + names_[which % names_.size()] + ": " + std::string(reply.status_message);
      return;
    }
    answered_ += 1;
    open_next(count, problem);
  });
}

rpc::GrpcClient& Connections::alive(std::size_t preferred) {
  for (std::size_t i = 0; i < connections_.size() && lost_ < connections_.size(); ++i) {
    Connection& connection = connections_[(preferred + i) % connections_.size()];
    if (connection.lost) continue;
    if (connection.client->connected()) return *connection.client;
    mark_lost(&connection);
  }
  return *connections_[preferred].client;
}

void Connections::mark_lost(Connection* connection) {
  connection->lost = true;
  if (++lost_ == 1) probe_lost();
}

void Connections::probe_lost() {
  probe_timer_.expires_after(kProbePause);
  probe_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || closed_) return;
    for (Connection& connection : connections_) {
      if (!connection.lost || connection.asked) continue;
      connection.asked = true;
      connection.client->call(kProbePath, probe_, [this, &connection](const rpc::GrpcReply& reply) {
        connection.asked = false;
        if (reply.code != Code::ok) return;
        connection.lost = false;
        lost_ -= 1;
      });
    }
    if (lost_ > 0) probe_lost();
  });
}

void Connections::close() {
  closed_ = true;
  for (const Connection& connection : connections_) connection.client->close();
}

}  // namespace cairn::load
