#include "server/serving.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

namespace cairn::server {

Serving::Serving(boost::asio::io_context& io, node::Member& member, api::Config config,
                 const rpc::Limits& limits)
    : timer_(io), api_(waking(std::move(config)), member), server_(io, limits, api_) {}

api::Config Serving::waking(api::Config config) {
  config.wake_at = [this](Time time) { wake_at(time); };
  config.post = [this](std::function<void()> run) {
    boost::asio::post(timer_.get_executor(), std::move(run));
  };
  return config;
}

void Serving::wake_at(Time time) {
  timer_.expires_at(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) api_.woken();
  });
}

void Serving::drain() {
  server_.drain();
  api_.stop();
}

}  // namespace cairn::server
