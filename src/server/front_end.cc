#include "server/front_end.h"

#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "server/thread_name.h"

namespace cairn::server {
FrontEnd::FrontEnd(boost::asio::io_context& loop, node::Member& replica, const api::Config& api,
                   const rpc::Limits& rpc, const Limits& limits)
    : limits_(limits),
      loop_(loop),
      work_(io_.get_executor()),
      crossing_(replica,
                {.loop = [this] { boost::asio::post(loop_, [this] { crossing_.arrived(); }); },
                 .front_end = [this] { boost::asio::post(io_, [this] { crossing_.answered(); }); },
                 .turn_end = [this] { boost::asio::post(io_, [this] { crossing_.send(); }); }},
                limits.crossing),
      serving_(io_, crossing_, api, rpc),
      drain_timer_(io_) {}

FrontEnd::~FrontEnd() {
  stop();
  crossing_.abandon();  // while what its requests refer to exists
}

void FrontEnd::start(std::size_t number) {
  thread_ = std::thread([this, number] {
    name_this_thread("front-" + std::to_string(number));
    io_.run();
  });
}

void FrontEnd::drain(std::function<void()> drained) {
  boost::asio::post(io_, [this, drained = std::move(drained)]() mutable {
    serving_.drain();
    await_drained(std::move(drained));
  });
}

void FrontEnd::await_drained(std::function<void()> drained) {
  if (server().connections() == 0) return boost::asio::post(loop_, std::move(drained));
  drain_timer_.expires_after(limits_.drain_poll_interval);
  drain_timer_.async_wait([this, drained = std::move(drained)](const boost::system::error_code&) mutable {
    await_drained(std::move(drained));
  });
}

void FrontEnd::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] {
    server().close();
    io_.stop();
  });
  thread_.join();
}

}  // namespace cairn::server
