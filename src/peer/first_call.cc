#include "peer/first_call.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <list>
#include <optional>

#include "base/hex_id.h"
#include "peer/connection.h"
#include "peer/frame.h"
#include "peer/listening.h"

namespace cairn::peer {
namespace {

namespace asio = boost::asio;

// By a configuration of its log: who has lost that knows as little as who is called.
bool knows_whom_it_calls(const Hello& hello) {
  return hello.founded != 0 && hello.introduction && hello.introduction->by.index.v > 0;
}

// Of one of the founders, who begin one after the other: neither knows more, and it calls again.
bool is_early(const Hello& hello, const FirstCall::Config& config) {
  return config.as && std::pair(hello.cluster_id, hello.to) == *config.as && !knows_whom_it_calls(hello);
}

constexpr char kCallAgain[] = "this member has just learned who it is, and starts: call again";

}  // namespace

Result<FirstCall::Called> called_by(const Hello& hello, const FirstCall::Config& config) {
  const std::string who = "a hello of member " + hex_id(hello.from.v);
  const auto refuse = [&](const std::string& why) { return fail(Code::failed_precondition, who + why); };
  if (hello.version != kProtocolVersion)
    return refuse(" in peer protocol version " + std::to_string(hello.version) + ", this member speaks " +
                  std::to_string(kProtocolVersion) + ": run one release on all members");
  if (hello.cluster_id == 0 || hello.to.v == 0 || hello.from.v == 0 || hello.from == hello.to)
    return refuse(" without the ids that a member has");
  if (config.as) {
    if (std::pair(hello.cluster_id, hello.to) != *config.as) return refuse(" for another member or cluster");
    if (!knows_whom_it_calls(hello)) return refuse(" of a cluster that it has no log of");
    return FirstCall::Called{hello.cluster_id, hello.to, hello.from};
  }
  if (!hello.introduction) return refuse(", which does not introduce itself");
  const std::pair<std::string, std::uint16_t> from(hello.introduction->host, hello.introduction->port);
  if (std::find(config.from.begin(), config.from.end(), from) == config.from.end())
    return refuse(", which says that it is reached at " + from.first + ":" + std::to_string(from.second) +
                  ": --initial-cluster does not name a member there");
  return FirstCall::Called{hello.cluster_id, hello.to, hello.from};
}

struct FirstCall::Impl : std::enable_shared_from_this<FirstCall::Impl> {
  struct Caller final : Connection::Link {
    Caller(std::weak_ptr<Impl> of, net::Socket&& socket, asio::io_context& io, const peer::Config& config)
        : owner(std::move(of)), connection(connected(io, std::move(socket), config)) {}
    static std::shared_ptr<Connection> connected(asio::io_context& io, net::Socket&& socket,
                                                 const peer::Config& config) {
      const std::string remote = net::remote_of(socket);
      return std::make_shared<Connection>(io, std::move(socket), config, config.accepted_through, remote);
    }
    bool on_frame(const Frame& frame) override {
      const auto all = owner.lock();
      return all != nullptr && all->said(*this, frame);
    }
    void on_closed(Closed, const std::string&) override {
      if (const auto all = owner.lock()) all->drop(this);
    }
    const std::weak_ptr<Impl> owner;
    const std::shared_ptr<Connection> connection;
  };

  Impl(asio::io_context& on, FirstCall::Config with) : io(on), config(std::move(with)) {
    of_connections.limits = config.limits;
    of_connections.accepted_through = config.accepted_through;
  }

  void accepted(net::Socket&& socket) {
    if (callers.size() >= config.connections_max) {
      callers.front()->connection->close();
      callers.pop_front();
    }
    callers.push_back(std::make_shared<Caller>(weak_from_this(), std::move(socket), io, of_connections));
    callers.back()->connection->start(callers.back());
  }
  bool said(Caller& caller, const Frame& frame) {
    const auto hello = frame.type == FrameType::hello
                           ? decode_hello(frame.payload, config.limits)
                           : Result<Hello>(fail(Code::invalid_argument, "its first frame is no hello"));
    if (hello && is_early(*hello, config)) {
      caller.connection->close();
      drop(&caller);
      return false;
    }
    const auto who = hello ? called_by(*hello, config) : Result<Called>(tl::unexpected(hello.error()));
    const std::string answer = who ? kCallAgain : "this hello is refused; the log of this member says why";
    put_hello_answer(caller.connection->out(), &answer, config.limits);
    caller.connection->finish();
    drop(&caller);
    if (!who) {
      refused({hello ? hello->from : raft::NodeId(), who.error().message});
    } else if (!std::exchange(closed, true)) {
      called(*who);
    }
    return false;
  }
  void drop(const Caller* caller) {
    callers.remove_if([caller](const auto& each) { return each.get() == caller; });
  }

  asio::io_context& io;
  const FirstCall::Config config;
  peer::Config of_connections;
  std::function<void(const Called&)> called;
  std::function<void(const Refusal&)> refused;
  std::optional<Listening> listening;
  std::list<std::shared_ptr<Caller>> callers;
  bool closed = false;
};

FirstCall::FirstCall(asio::io_context& io, Config config, std::function<void(const Called&)> called,
                     std::function<void(const Refusal&)> refused)
    : impl_(std::make_shared<Impl>(io, std::move(config))) {
  impl_->called = std::move(called);
  impl_->refused = std::move(refused);
  impl_->listening.emplace(io, impl_->of_connections.retry_max,
                           [impl = impl_.get()](net::Socket&& socket) { impl->accepted(std::move(socket)); });
}

FirstCall::~FirstCall() { close(); }

void FirstCall::close() {
  impl_->closed = true;
  impl_->listening.reset();
  for (const auto& each : std::exchange(impl_->callers, {})) each->connection->close();
}

Result<std::uint16_t> FirstCall::listen(const std::string& address, std::uint16_t port) {
  return impl_->listening->listen(address, port);
}

}  // namespace cairn::peer
