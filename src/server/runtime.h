// Runtime: a Node wired to real threads, sockets and disks: the loop's side of one member.
// Threading: lives on the loop thread (whoever runs the io_context); the log and snapshot threads only post
// to it. A turn: every event that is ready is handled first, then one flush() sends what they caused in one
// batch.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/member.h"
#include "node/node.h"
#include "observe/server_metrics.h"
#include "observe/slow_ones.h"
#include "peer/peers.h"
#include "server/bootstrap.h"
#include "server/following.h"
#include "server/log_thread.h"
#include "server/once_a_minute.h"
#include "server/removal.h"
#include "server/snapshot_thread.h"
#include "server/standing_log.h"

namespace cairn::server {

class Runtime final : public node::Member,
                      public node::Replica,
                      public peer::Receiver,
                      node::Transport,
                      node::MemoryPort,
                      node::Audience {
 public:
  struct Limits {
    Duration publish_retry_interval = std::chrono::seconds(1);
    Duration hand_over_poll_interval = std::chrono::milliseconds(5);
    Duration load_retry_interval =
        std::chrono::seconds(1);  // of a snapshot that cannot be read for the moment
    OnceAMinute::Limits refusals_logged{};
    OnceAMinute::Limits waits_logged{};
    OnceAMinute::Limits links_logged{};
    OnceAMinute::Limits snapshots_logged{};
    // The loop did not run for so long, when it had something to do: said in the log.
    SlowOnes::Limits pauses_logged{.slow = std::chrono::milliseconds(500),
                                   .interval = std::chrono::seconds(1)};
    Duration observe_interval = std::chrono::seconds(1);   // of what is looked at, as it tells nobody itself
    Duration slow_apply = std::chrono::milliseconds(100);  // in one turn; as etcd counts them
    SnapshotThread::Limits snapshots{};
    LogThread::Limits log{};
    Removal::Limits removal{};
    Duration refused_lately = std::chrono::seconds(10);  // so long a refusal is what status says of a member
  };
  struct Parts {
    node::Config node;
    peer::Config peer;
    node::Recovered recovered;
    std::vector<BootstrapMember> initial{};  // where a configuration does not say how a member is reached
    std::unique_ptr<wal::Wal> log;
    std::unique_ptr<wal::SnapshotStore> snapshots;
    Pace* snapshot_pace;  // of the disk below them; outlives the runtime
    ServerMetrics* metrics = nullptr;
    Limits limits{};
    std::function<std::optional<node::DiskUse>()> disk_use{};
    std::function<void(const std::string& why)> diverged;  // ends the process
    std::function<void()> removed{};                       // likewise: this member is none any more. Once
  };
  Runtime(boost::asio::io_context& io, Parts parts);
  ~Runtime() override;

  peer::Peers& peers() { return peers_; }
  // Tells the cluster this member's name and addresses, again until it is known.
  void publish(mvcc::MemberInfo self);
  // Hands leadership over if this member has it; `done` is called once it has not, or after `patience`.
  void hand_over(Duration patience, std::function<void()> done);
  void tune(node::Tune tune) { event(std::move(tune)); }
  void stop();  // the log is durable and closed afterwards

  // Called at the end of every turn, when what it caused has been sent, answered and applied.
  void on_turn_end(std::function<void()> turn_end) { turn_end_ = std::move(turn_end); }

  // Who else is shown the views of turns, before their turn ends; lives as long as turns do.
  void show_to(node::Audience& others) { others_ = &others; }

  // node::Member
  Time now() const override;
  void write(node::ClientWrite request) override;
  void read(node::ClientRead request) override;
  void move_leader(node::MoveLeader request) override;
  void lease(node::LeaseCall call) override;
  void change_members(node::ChangeMembership change) override;
  bool ask(node::ReplicaQuestion question) override;
  node::MemberBrief brief() const override;
  std::shared_ptr<const mvcc::MemberMap> members() const override;
  const std::shared_ptr<const mvcc::AuthState>& auth() const override;
  bool knows_users() const override;
  std::int64_t clock_ms() const override;
  void follow(node::Follower follower) override;
  // node::Replica
  node::MemberNumbers numbers() const override;
  node::MemberStatus status() const override;
  std::shared_ptr<const mvcc::View> view() const override;

 private:
  // peer::Receiver
  void on_message(raft::Message message) override;
  void on_note(raft::NodeId from, Bytes note) override;
  void on_unreachable(raft::NodeId peer) override;
  void on_connection_lost(raft::NodeId peer) override;
  void on_refused(const peer::Refusal& refusal) override;
  void on_snapshot_refused(raft::NodeId peer, const Error& why) override;
  void on_introduced(raft::NodeId peer, const peer::Introduction& by, const std::string& from) override;
  raft::Term own_term() const override;
  Time introductions_from() const override;
  std::uint64_t founded() const override;
  void on_link(const peer::LinkNews& news) override;
  // node::Transport
  void send(raft::Message message) override;
  bool send_note(raft::NodeId to, Bytes note) override;
  void configured(const std::vector<raft::Configuration>& configurations) override;
  void disbelieved(raft::NodeId who, const std::string& why) override { peers_.disbelieve(who, why); }
  // node::MemoryPort
  void forgot(const std::string& why) override;
  void diverged(const std::string& why) override { diverged_(why); }
  // node::Audience
  bool listens() const override;
  void published(std::shared_ptr<const mvcc::View> view) override;
  struct Snapshots final : node::SnapshotPort {
    explicit Snapshots(Runtime& owner) : runtime(owner) {}
    void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) override;
    void stream(raft::Message offer) override;
    void load(raft::SnapshotMeta meta) override;
    void load_later(raft::SnapshotMeta meta, const Error& why);
    void sent(raft::NodeId to, peer::SnapshotEnd end);
    Runtime& runtime;
  };
  void event(node::Event event);
  void end_turn();
  void arm_timer();
  void await_hand_over(raft::NodeId self, Duration patience, std::function<void()> done);
  void log_leader();
  void log_waiting();
  void publish_again();
  void observe();
  node::RefusedBy refused_by_lately() const;
  void log_ready();
  void log_own_standing(const node::MemberStatus& status);
  void woke_up(Duration late);

  boost::asio::io_context& io_;
  const Limits limits_;
  const raft::NodeId id_;
  const Duration heartbeat_interval_;
  const std::function<std::optional<node::DiskUse>()> disk_use_;
  const std::vector<BootstrapMember> initial_;
  ServerMetrics& metrics_;
  const std::function<void(const std::string& why)> diverged_;
  std::function<void()> removed_;
  Removal removal_;
  LogThread log_thread_;
  SnapshotThread snapshot_thread_;
  peer::Peers peers_;
  Snapshots snapshots_;
  node::Node node_;
  boost::asio::steady_timer timer_;
  Time timer_at_;
  bool timer_waits_ = false;  // it has not fired
  bool turn_posted_ = false;
  std::function<void()> turn_end_;
  node::Audience* others_ = nullptr;
  Following following_;
  bool stopped_ = false;
  bool waiting_logged_ = false;
  std::string name_of(raft::NodeId member) const;  // "" while it has none
  OnceAMinute waits_logged_, links_logged_;
  std::set<raft::NodeId> said_to_be_away_;
  StandingLog standing_log_;
  SlowOnes pauses_;
  std::map<raft::NodeId, Time> refused_for_its_term_;  // of members; when last
  std::map<raft::NodeId, Time> refused_by_;            // whom this one dials; when last
  enum class Ready { no, asking, yes } ready_ = Ready::no;
  Time ask_ready_at_{};
  std::optional<bool> full_logged_;
  raft::NodeId leader_logged_;
  raft::NodeId leader_before_;  // the last one there was
  OnceAMinute refusals_logged_, snapshots_logged_;
  mvcc::MemberInfo self_;  // to be published
  boost::asio::steady_timer publish_timer_;
  boost::asio::steady_timer observe_timer_;
};

}  // namespace cairn::server
