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

// Until it is called, interrupted, or so long.
Result<FirstCallEnd> listen_for(const Config& config, peer::FirstCall::Config of,
                                std::optional<Duration> wait, const char* called_as) {
  boost::asio::io_context io{1};
  FirstCallEnd end;
  OnceAMinute refusals;
  peer::FirstCall calls(
      io, std::move(of),
      [&](const peer::FirstCall::Called& called) {
        end.called = bootstrap_of(config, called);
        log_info(called_as, {{"by", hex_id(called.by.v)},
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
  signals.async_wait([&](const boost::system::error_code& error, int) {
    end.interrupted = !error;
    io.stop();
  });
  if (wait)
    io.run_for(*wait);
  else
    io.run();
  return end;
}

}  // namespace

Result<FirstCallEnd> await_first_call(const Config& config, const net::Layer& through) {
  log_info("waits to be called by the cluster that it joins: add it there, if that is not done yet",
           {{"next", "cairn member add " + config.name + "=URL, at one of its members"}});
  return listen_for(config, calls_of(config, through), std::nullopt,
                    "called by a member of the cluster that this one joins");
}

Result<FirstCallEnd> await_call_before_founding(const Config& config, const Bootstrap& founded,
                                                const net::Layer& through) {
  log_info("has no data: listens whether others know this member before it founds a cluster",
           {{"wait-ms", config.founding_wait.count()}});
  peer::FirstCall::Config calls;
  calls.as = {founded.cluster_id, raft::NodeId{founded.self}};
  calls.accepted_through = through;
  FirstCallEnd end = TRY(listen_for(
      config, std::move(calls), config.founding_wait,
      "this member was there before, and others are: it founds no cluster, and goes back to them"));
  // Where the flags name others, it is one of them that has forgotten. Who knows nobody has to be told of
  // them.
  end.was_there = end.called.has_value() && founded.members.size() > 1;
  if (end.was_there) end.called.reset();
  return end;
}

}  // namespace cairn::server
