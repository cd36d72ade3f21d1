#include "server/joining.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/hex_id.h"
#include "observe/log.h"
#include "peer/first_call.h"
#include "server/once_a_minute.h"
#include "server/urls.h"

namespace cairn::server {
namespace {

// The others, where the operator says that they are.
peer::FirstCall::Config calls_of(const Config& config, const net::Layer& through) {
  peer::FirstCall::Config calls;
  calls.accepted_through = through;
  for (const ConfiguredMember& member : config.initial_cluster) {
    if (member.name == config.name) continue;
    for (const Url& url : member.peer_urls) calls.from.emplace_back(url.host, url.port);
  }
  return calls;
}

Bootstrap bootstrap_of(const Config& config, const peer::FirstCall::Called& called) {
  Bootstrap bootstrap;
  bootstrap.joins = true;
  bootstrap.cluster_id = called.cluster_id;
  bootstrap.self = called.self.v;
  const auto self =
      std::find_if(config.initial_cluster.begin(), config.initial_cluster.end(),
                   [&config](const ConfiguredMember& each) { return each.name == config.name; });
  BootstrapMember member{.id = called.self.v, .name = config.name, .peer_urls = {}};
  if (self != config.initial_cluster.end()) member.peer_urls = sorted_texts(self->peer_urls);
  bootstrap.members.push_back(std::move(member));
  return bootstrap;
}

}  // namespace

Result<std::optional<Bootstrap>> await_first_call(const Config& config, const net::Layer& through) {
  boost::asio::io_context io{1};
  std::optional<Bootstrap> bootstrap;
  OnceAMinute refusals;
  peer::FirstCall calls(
      io, calls_of(config, through),
      [&](const peer::FirstCall::Called& called) {
        bootstrap = bootstrap_of(config, called);
        log_info("called by a member of the cluster that this one joins",
                 {{"by", hex_id(called.by.v)},
                  {"cluster-id", hex_id(called.cluster_id)},
                  {"member-id", hex_id(called.self.v)}});
        io.stop();
      },
      [&](const peer::FirstCall::Refusal& refusal) {
        // What a line says is chosen by the other side, so it is not what is counted.
        if (const auto times = refusals.due(hex_id(refusal.who.v), std::chrono::steady_clock::now()))
          log_warn("a call is not believed", {{"why", refusal.why}, {"times", *times}});
      });
  for (const Url& url : config.listen_peer_urls) TRY(calls.listen(url.listen_address(), url.port));
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const boost::system::error_code& error, int) {
    if (!error) io.stop();
  });
  log_info("waits to be called by the cluster that it joins: add it there, if that is not done yet",
           {{"next", "cairn member add " + config.name + "=URL, at one of its members"}});
  io.run();
  return bootstrap;
}

}  // namespace cairn::server
