#include "peer/dialed.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "base/hex_id.h"
#include "net/socket.h"  // tidy-allow(heavy): it connects
#include "peer/plausible.h"

namespace cairn::peer {

namespace asio = boost::asio;
using asio::ip::tcp;

void Context::refuse(const Refusal& refusal) {
  refused[static_cast<std::size_t>(refusal.reason)] += 1;
  if (!closed) receiver.on_refused(refusal);
}

raft::Term Context::term_ceiling() {
  term_base = peer::term_base(term_base, receiver.own_term());
  return peer::term_ceiling(config.limits, term_base, std::chrono::steady_clock::now() - started);
}

void Context::look_at_receiver() {
  known.introductions_from = receiver.introductions_from();
  known.founded = receiver.founded();
}

Hello Context::hello_to(raft::NodeId peer, ConnectionKind kind) const {
  Hello hello{.kind = kind, .cluster_id = config.cluster_id, .from = config.self, .to = peer};
  hello.founded = receiver.founded();
  const auto named = standing.named_at.find(peer);
  if (named != standing.named_at.end() && standing.self.port != 0)
    hello.introduction = {named->second, standing.self.host, standing.self.port};
  return hello;
}

Dialed::Dialed(std::shared_ptr<Context> context, ConnectionKind kind)
    : context_(std::move(context)), kind_(kind), deadline_(context_->io), resolver_(context_->io) {}

void Dialed::dial(const PeerAddress& address) {
  hang_up();
  address_ = address;
  if (const std::size_t at = context_->failures[address.id] % (address.also.size() + 1); at > 0) {
    address_.host = address.also[at - 1].first;
    address_.port = address.also[at - 1].second;
  }
  deadline_.expires_after(context_->config.connect_timeout);
  deadline_.async_wait([self = shared_from_this(), attempt = attempt_](boost::system::error_code error) {
    if (error || attempt != self->attempt_ || self->established_) return;
    self->end(Ended::not_connected, "no connection within the time allowed");
  });
  boost::system::error_code not_numeric;
  const auto ip = asio::ip::make_address(address_.host, not_numeric);
  if (!not_numeric) return connect({tcp::endpoint(ip, address_.port)});
  resolver_.async_resolve(
      address_.host, std::to_string(address_.port),
      [self = shared_from_this(), attempt = attempt_](boost::system::error_code error, const auto& results) {
        if (attempt != self->attempt_) return;
        if (error) return self->end(Ended::not_connected, error.message());
        std::vector<tcp::endpoint> endpoints;
        for (const auto& result : results) endpoints.push_back(result.endpoint());
        self->connect(std::move(endpoints));
      });
}

void Dialed::connect(std::vector<tcp::endpoint> endpoints) {
  connecting_ = std::make_shared<net::Socket>(context_->io.get_executor());
  const auto list = std::make_shared<std::vector<tcp::endpoint>>(std::move(endpoints));
  asio::async_connect(*connecting_, *list,
                      [self = shared_from_this(), attempt = attempt_, socket = connecting_, list](
                          boost::system::error_code error, const tcp::endpoint&) {
                        if (attempt != self->attempt_) return;
                        if (error) return self->end(Ended::not_connected, error.message());
                        self->connecting_.reset();
                        self->say_hello(std::move(*socket));
                      });
}

void Dialed::say_hello(net::Socket&& socket) {
  connection_ = std::make_shared<Connection>(context_->io, std::move(socket), context_->config,
                                             context_->config.dialed_through, address_.host);
  put_hello(connection_->out(), context_->hello_to(address_.id, kind_));
  connection_->flush();
  connection_->start(shared_from_this());
}

bool Dialed::on_frame(const Frame& frame) {
  if (established_) return on_peer_frame(frame);
  if (frame.type != FrameType::hello_answer) {
    end(Ended::refused,
        "it answered the hello with a frame of type " + std::to_string(static_cast<int>(frame.type)));
    return false;
  }
  if (const Status verdict = decode_hello_answer(frame.payload, context_->config.limits); !verdict) {
    const std::string what = "member " + hex_id(address_.id.v) + " at " + address_.host + ":" +
                             std::to_string(address_.port) +
                             " refused this member: " + verdict.error().message;
    Refusal refusal{Refused::by_other, address_.id, what, {}};
    refusal.no_longer_member = verdict.error().message == kNoLongerMember;
    context_->refuse(refusal);
    end(Ended::refused, verdict.error().message);
    return false;
  }
  established_ = true;
  deadline_.cancel();
  connection_->greeted();
  on_established();
  return true;
}

void Dialed::on_closed(Closed how, const std::string& why) {
  if (!established_) return end(Ended::not_connected, why);
  end(how == Closed::by_peer ? Ended::closed_by_peer : Ended::unreachable, why);
}

void Dialed::end(Ended how, const std::string& why) {
  const auto self = shared_from_this();
  if (!established_) ++context_->failures[address_.id];
  hang_up();
  if (!context_->closed) on_ended(how, why);
}

void Dialed::hang_up() {
  ++attempt_;
  established_ = false;
  deadline_.cancel();
  resolver_.cancel();
  if (connecting_) {
    boost::system::error_code ignored;
    connecting_->close(ignored);
    connecting_.reset();
  }
  if (connection_) {
    sent_before_ += connection_->sent_bytes();
    connection_->close();
    connection_.reset();
  }
}

}  // namespace cairn::peer
