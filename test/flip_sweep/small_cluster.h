// SmallCluster: three members in one thread on simulated disks, started by the server's own open_data_dir on
// whatever lies on them. The network is instant and loses nothing; what may fail here is what the disks hold.
// A process that ends by itself is started again, as a supervisor does, unless its start was refused.
// Owner: one round of the sweep. Threading: one thread (but for the one that reads snapshots ahead).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/node.h"
#include "server/data_dir.h"
#include "sim_disk/sim_disk.h"

namespace cairn::sweep {

using Image = std::map<std::string, std::string>;  // a disk: path, content

constexpr std::uint64_t kMembers = 3;
constexpr std::uint64_t kClusterId = 0xca1;
constexpr const char* kDataDir = "/data";

class SmallCluster {
 public:
  explicit SmallCluster(std::uint64_t seed);
  ~SmallCluster();

  void restore(std::uint64_t id, const Image& image);
  Image image(std::uint64_t id) const;  // of a member that is down
  void start(std::uint64_t id);
  void stop(std::uint64_t id);  // killed: what it wrote is there

  void advance(Duration by);
  bool advance_until(const std::function<bool()>& condition, Duration most);

  bool is_up(std::uint64_t id) const;
  node::Node& node(std::uint64_t id);
  sim::SimDisk& disk(std::uint64_t id);
  std::uint64_t leader() const;  // 0: none

  using Written = std::shared_ptr<std::optional<mvcc::Outcome>>;
  Written put(std::uint64_t id, const std::string& key, const std::string& value);
  struct Answer {
    std::optional<std::string> value;  // "" when the key is not there
    bool failed = false;
  };
  std::shared_ptr<Answer> get(std::uint64_t id, const std::string& key);  // linearizable

  // All that a member has said about what it found, of every start.
  const std::vector<std::string>& said(std::uint64_t id) const;
  const std::string& refusal(std::uint64_t id) const;  // of its start; empty: none
  const server::DataDir& data(std::uint64_t id) const;

 private:
  struct Member;

  Member& at(std::uint64_t id) { return *members_[id - 1]; }
  const Member& at(std::uint64_t id) const { return *members_[id - 1]; }
  void handle(std::uint64_t id, node::Event event);
  void settle();
  void deliver(std::uint64_t to, node::Event event) { events_.emplace_back(to, std::move(event)); }
  void tick();

  const std::uint64_t seed_;
  Time now_ = Time{} + std::chrono::seconds(100);
  std::vector<std::unique_ptr<Member>> members_;
  std::deque<std::pair<std::uint64_t, node::Event>> events_;
};

}  // namespace cairn::sweep
