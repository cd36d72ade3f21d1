#include "load/keep_alives.h"

#include "load/await_all.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

constexpr std::string_view kGrantPath = "/etcdserverpb.Lease/LeaseGrant";
constexpr std::string_view kKeepAlivePath = "/etcdserverpb.Lease/LeaseKeepAlive";
constexpr auto kOpenTimeout = std::chrono::seconds(10);  // without a further lease

}  // namespace

KeepAlives::KeepAlives(boost::asio::io_context& io, Connections& connections, const Options& options)
    : io_(io), connections_(connections), options_(options) {
  streams_.resize(connections.size() * static_cast<std::size_t>(options.streams));
}

std::string KeepAlives::open() {
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) grant(stream);
  await_all(
      io_, streams_.size(), [this] { return granted_; }, tally_.problem(), kOpenTimeout);
  if (tally_.problem().empty() && granted_ < streams_.size())
    tally_.error(std::to_string(granted_) + " of " + std::to_string(streams_.size()) +
                 " leases came about, and no further one within 10 s");
  return tally_.problem();
}

void KeepAlives::grant(std::size_t stream) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(options_.ttl_seconds);
  Stream& of = streams_[stream];
  of.client = &connections_.alive(stream % connections_.size());
  of.client->call(kGrantPath, request.SerializeAsString(), [this, stream](const rpc::GrpcReply& reply) {
    etcdserverpb::LeaseGrantResponse lease;
    if (reply.code != Code::ok || !lease.ParseFromString(std::string(reply.message)))
      return tally_.error("no lease came about: " + std::string(reply.status_message));
    etcdserverpb::LeaseKeepAliveRequest keep;
    keep.set_id(lease.id());
    Stream& granted = streams_[stream];
    granted.request = keep.SerializeAsString();
    granted.id = granted.client->open_stream(
        kKeepAlivePath, {}, [this, stream](std::string_view message) { on_message(stream, message); },
        [this](const rpc::GrpcReply& end) {
          tally_.error("a stream ended: " + std::string(end.status_message));
        });
    granted_ += 1;
  });
}

void KeepAlives::ask(std::size_t stream) {
  Stream& of = streams_[stream];
  of.sent = Clock::now();
  of.client->write(of.id, of.request);
}

void KeepAlives::on_message(std::size_t stream, std::string_view response) {
  if (!tally_.running()) return;
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - streams_[stream].sent);
  etcdserverpb::LeaseKeepAliveResponse kept;
  if (!kept.ParseFromArray(response.data(), static_cast<int>(response.size())) || kept.ttl() <= 0)
    return tally_.error("a lease has ended");
  tally_.latency(static_cast<std::uint64_t>(took.count()));
  tally_.count(1);
  ask(stream);
}

Figures KeepAlives::run(const Progress& progress) {
  for (std::size_t stream = 0; stream < streams_.size(); ++stream) ask(stream);
  Figures figures = tally_.run(io_, options_.seconds, progress);
  connections_.close();
  return figures;
}

}  // namespace cairn::load
