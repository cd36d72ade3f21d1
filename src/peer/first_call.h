// FirstCall: how a member that is to join a cluster learns who it is. It listens where the others are to
// reach it, and is called by the members as soon as somebody has told the cluster of it. Of the first hello
// that introduces itself by an address which the operator has named it takes the cluster's id and its own,
// and asks the caller to call again: nothing else is heard or said. Who would found a cluster listens
// likewise, for whoever knows it as a member of one that has been founded already. Threading: the
// io_context's thread. Bounded: connections_max that have not said anything; one more, and the oldest is
// closed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/channel.h"
#include "peer/limits.h"
#include "raft/types.h"

namespace boost::asio {
class io_context;
}

namespace cairn::peer {

struct Hello;

class FirstCall {
 public:
  struct Called {
    std::uint64_t cluster_id = 0;
    raft::NodeId self, by;
  };
  struct Config {
    std::vector<std::pair<std::string, std::uint16_t>> from{};  // where the members are reached
    // Instead: by anybody, but as this very member, of a founded cluster.
    std::optional<std::pair<std::uint64_t, raft::NodeId>> as{};  // the cluster's id and its own
    std::size_t connections_max = 16;
    Limits limits{};
    net::Layer accepted_through{};  // as peer::Config's
  };
  struct Refusal {
    raft::NodeId who;  // as it says; 0: it has not said
    std::string why;
  };
  // `called` once. `refused` for each that is not believed.
  FirstCall(boost::asio::io_context& io, Config config, std::function<void(const Called&)> called,
            std::function<void(const Refusal&)> refused);
  ~FirstCall();
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Pure: what this hello tells of who is called, or why it is not believed.
Result<FirstCall::Called> called_by(const Hello& hello, const FirstCall::Config& config);

}  // namespace cairn::peer
