#include "server/runtime.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "base/hex_id.h"
#include "node/status.h"
#include "observe/log.h"
#include "peer/frame.h"
#include "proto/command.pb.h"
#include "raft/state.h"
#include "server/fatal.h"
#include "server/reach.h"

namespace cairn::server {
namespace {

std::int64_t wall_clock_ms() {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

struct IgnoreOutcome final : node::WriteResponder {
  void done(mvcc::Outcome) override {}
};

}  // namespace

Runtime::Runtime(boost::asio::io_context& io, Parts parts)
    : io_(io),
      limits_(parts.limits),
      id_(parts.node.raft.id),
      heartbeat_interval_(parts.node.raft.heartbeat_interval),
      disk_use_(std::move(parts.disk_use)),
      initial_(std::move(parts.initial)),
      metrics_(*parts.metrics),
      diverged_(std::move(parts.diverged)),
      removed_(std::move(parts.removed)),
      removal_(id_, parts.limits.removal),
      log_thread_(
          std::move(parts.log), &metrics_.wal_fsync_seconds,
          [this](raft::WriteSeq seq, raft::Room room) {
            boost::asio::post(io_, [this, seq, room] { event(node::LogPersisted{seq, room}); });
          },
          parts.limits.log),
      snapshot_thread_(
          std::move(parts.snapshots), parts.snapshot_pace,
          [this](const raft::SnapshotMeta& meta) {
            boost::asio::post(io_, [this, meta] { event(node::SnapshotLost{meta}); });
          },
          parts.limits.snapshots),
      peers_(io, parts.peer, *this, snapshot_thread_),
      snapshots_(*this),
      node_(parts.node, std::move(parts.recovered), {log_thread_, *this, snapshots_, *this, this}, now()),
      timer_(io),
      waits_logged_(parts.limits.waits_logged),
      links_logged_(parts.limits.links_logged),
      standing_log_([this](raft::NodeId member) { return name_of(member); }),
      pauses_(parts.limits.pauses_logged),
      refusals_logged_(parts.limits.refusals_logged),
      snapshots_logged_(parts.limits.snapshots_logged),
      publish_timer_(io),
      observe_timer_(io) {
  event(node::TimePassed{});
  observe();
}

Runtime::~Runtime() { stop(); }

void Runtime::stop() {
  if (stopped_) return;
  stopped_ = true;
  timer_.cancel();
  publish_timer_.cancel();
  observe_timer_.cancel();
  peers_.close();
  snapshot_thread_.stop();
  log_thread_.stop();
}

Time Runtime::now() const { return std::chrono::steady_clock::now(); }

void Runtime::write(node::ClientWrite request) { event(std::move(request)); }
void Runtime::read(node::ClientRead request) { event(std::move(request)); }
void Runtime::move_leader(node::MoveLeader request) { event(std::move(request)); }
void Runtime::lease(node::LeaseCall call) { event(std::move(call)); }
void Runtime::change_members(node::ChangeMembership change) {
  event(node::MembershipCall{std::move(change)});
}
bool Runtime::ask(node::ReplicaQuestion question) {
  question (*this)();
  return true;
}
node::MemberBrief Runtime::brief() const { return node_.brief(); }
std::shared_ptr<const mvcc::MemberMap> Runtime::members() const { return node_.members(); }
const std::shared_ptr<const mvcc::AuthState>& Runtime::auth() const { return node_.machine().auth(); }
bool Runtime::knows_users() const { return node_.knows_users(); }
std::int64_t Runtime::clock_ms() const { return node_.machine().clock_ms(); }
node::MemberNumbers Runtime::numbers() const { return node_.numbers(); }
// That a connection is lost is known at once; the core waits until it misses what comes on it.
node::MemberStatus Runtime::status() const {
  node::MemberStatus status = node_.status(refused_by_lately());
  if (disk_use_) status.disk = disk_use_();
  const std::vector<peer::PeerStats> peers = peers_.stats();
  for (node::FollowerStatus& follower : status.followers) {
    const auto peer = std::find_if(peers.begin(), peers.end(),
                                   [&](const peer::PeerStats& each) { return each.id == follower.id; });
    if (peer != peers.end() && !peer->connected) follower.active = false;
    const auto refused = refused_for_its_term_.find(follower.id);
    if (refused != refused_for_its_term_.end() && now() < refused->second + limits_.refused_lately)
      follower.stuck =
          "it speaks of a term that no member has, as somebody has told it so, and is not heard; where it "
          "was "
          "new or wiped it begins anew by itself, else stop it, empty its data directory and start it again";
  }
  return status;
}
std::shared_ptr<const mvcc::View> Runtime::view() const { return node_.view(); }

void Runtime::follow(node::Follower follower) {
  following_.follow(std::move(follower));
  if (following_.anybody()) boost::asio::post(io_, [this] { following_.tell(node_.view()); });
}

bool Runtime::listens() const { return following_.anybody() || (others_ != nullptr && others_->listens()); }

void Runtime::published(std::shared_ptr<const mvcc::View> view) {
  following_.tell(view);
  if (others_ != nullptr && others_->listens()) others_->published(std::move(view));
}

void Runtime::on_message(raft::Message message) { event(node::MessageReceived{std::move(message)}); }
void Runtime::on_note(raft::NodeId from, Bytes note) { event(node::NoteReceived{from, std::move(note)}); }
void Runtime::on_unreachable(raft::NodeId peer) { event(node::PeerUnreachable{peer}); }
void Runtime::on_connection_lost(raft::NodeId peer) { event(node::PeerConnectionLost{peer}); }
void Runtime::on_refused(const peer::Refusal& refusal) {
  if (refusal.impossible_term && node_.members()->contains(refusal.who.v))
    refused_for_its_term_[refusal.who] = now();
  if (refusal.reason == peer::Refused::by_other) refused_by_[refusal.who] = now();
  // Who has joined by an id that was removed meanwhile, and knows nobody, is called by the one that came
  // after it.
  const bool is_anybody = node_.core().state().log.members().voters.empty();
  if (refusal.no_longer_member || (refusal.names_another && is_anybody)) removal_.told(refusal.who, now());
  // A member of another cluster keeps trying, many times a second. What a line says is chosen by the other
  // side, so it is not what is counted: ever new lines would push out those of others.
  const std::string kind = peer::name(refusal.reason) + (" " + std::to_string(refusal.who.v));
  if (const auto times = refusals_logged_.due(kind, now()))
    log_warn("a peer connection was refused",
             {{"why", refusal.why}, {"reason", peer::name(refusal.reason)}, {"times", *times}});
}

// What a line says of room changes all the time, so it is not what is counted.
void Runtime::on_snapshot_refused(raft::NodeId peer, const Error& why) {
  if (why.code == io::kFull) event(node::SnapshotNotTaken{});
  if (const auto times = snapshots_logged_.due("from " + std::to_string(peer.v), now()))
    log_warn("this member needs a snapshot that another one sends, and cannot take it; it stays behind",
             {{"from", hex_id(peer.v)},
              {"name", name_of(peer)},
              {"why", why.message},
              {"times", *times},
              {"next", "it is sent again, every ten seconds at last, and goes on by itself"}});
}

std::string Runtime::name_of(raft::NodeId member) const {
  const auto known = node_.members();
  const auto found = known->find(member.v);
  return found == known->end() ? "" : found->second.name;
}

// A connection that comes and goes is said once a minute, with how often it did; the end of what was said,
// always.
void Runtime::on_link(const peer::LinkNews& news) {
  if (news.connected)
    removal_.heard(news.peer);
  else
    removal_.unheard(news.peer, now());
  // Whoever comes back may have begun a new life: what it was before is seen now or not at all.
  if (node_.leader() == id_) standing_log_.look(status());
  const std::string state = news.connected ? "connected" : news.was_connected ? "lost" : news.why;
  auto times = links_logged_.due(hex_id(news.peer.v) + " " + state, now());
  if (news.connected && said_to_be_away_.erase(news.peer) > 0 && !times)
    times = 1;  // whoever read of it waits
  if (!times) return;
  if (!news.connected) said_to_be_away_.insert(news.peer);
  const std::string member = hex_id(news.peer.v), name = name_of(news.peer);
  if (news.connected)
    return log_info("connected to a member",
                    {{"member", member}, {"name", name}, {"address", news.address}, {"times", *times}});
  log_warn(
      news.was_connected ? "lost the connection to a member" : "a member cannot be reached",
      {{"member", member}, {"name", name}, {"address", news.address}, {"why", news.why}, {"times", *times}});
}

raft::Term Runtime::own_term() const { return raft::settled_term(node_.core().state()); }
std::uint64_t Runtime::founded() const { return node_.core().state().life.founded; }
Time Runtime::introductions_from() const { return raft::strangers_heard_from(node_.core().state()); }

void Runtime::on_introduced(raft::NodeId peer, const peer::Introduction& by, const std::string& from) {
  if (const auto times = refusals_logged_.due("introduced " + std::to_string(peer.v), now()))
    log_warn("a member that is in no configuration here is heard: it says that a later one names it",
             {{"member", hex_id(peer.v)},
              {"from", from},
              {"host", by.host},
              {"port", by.port},
              {"term", by.by.term.v},
              {"index", by.by.index.v},
              {"times", *times}});
}

void Runtime::send(raft::Message message) { peers_.send(std::move(message)); }
bool Runtime::send_note(raft::NodeId to, Bytes note) { return peers_.send_note(to, std::move(note)); }

void Runtime::configured(const std::vector<raft::Configuration>& configurations) {
  removal_.configured(configurations, now());
  Reach reach = reach_of(id_, configurations, initial_);
  peers_.set_peers(std::move(reach.peers), std::move(reach.standing));
}

void Runtime::forgot(const std::string& why) {
  log_error(
      "this member has forgotten what it may have promised; until the others have taken it in again it "
      "neither votes nor counts",
      {{"why", why}});
}

void Runtime::event(node::Event event) {
  if (stopped_) return;
  node_.handle(now(), wall_clock_ms(), std::move(event));
  if (turn_posted_) return;
  turn_posted_ = true;
  boost::asio::post(io_, [this] { end_turn(); });
}

void Runtime::end_turn() {
  turn_posted_ = false;
  if (stopped_) return;
  const raft::State& state = node_.core().state();
  const raft::Index applied = state.applied;
  const Time begun = now();
  node_.flush();
  if (now() - begun > limits_.slow_apply && state.applied > applied) metrics_.slow_applies.add();
  if (turn_end_) turn_end_();
  log_leader();
  arm_timer();
}

// The timer is moved only when it would fire too late: re-arming it in every turn costs more than a rare idle
// wake-up.
void Runtime::arm_timer() {
  const Time deadline = node_.deadline();
  const bool armed = timer_at_ > now();
  if (armed && timer_at_ <= deadline) return;
  // After a pause what has arrived may be handled before the timer is.
  if (!armed && timer_waits_) woke_up(now() - timer_at_);
  timer_at_ = std::max(deadline, now());
  timer_waits_ = true;
  timer_.expires_at(timer_at_);
  timer_.async_wait([this, at = timer_at_](const boost::system::error_code& error) {
    if (error) return;
    if (at == timer_at_ && std::exchange(timer_waits_, false)) woke_up(now() - at);
    event(node::TimePassed{});
  });
}

// A leader's timer is that of its heartbeats.
void Runtime::woke_up(Duration late) {
  if (late > heartbeat_interval_ && node_.leader() == id_) metrics_.late_heartbeats.add();
  if (const auto slow = pauses_.took(late, now()))
    log_warn("this member did not run when it had to; the others may have taken it for lost",
             {{"longest-ms", milliseconds_of(slow->longest)},
              {"times", slow->times},
              {"next", "it was stopped, its machine slept or swaps, or others take its processor"}});
}

// Ready is who can answer a linearizable read; the answer may take a leader's barrier or two.
void Runtime::log_ready() {
  struct Probe final : node::ReadResponder {
    explicit Probe(Runtime& owner) : runtime(owner) {}
    void ready(const mvcc::View& view) override {
      runtime.ready_ = Ready::yes;
      log_info("ready to serve client requests",
               {{"revision", view.revision()}, {"leader", runtime.name_of(runtime.node_.leader())}});
    }
    void failed(Error) override { runtime.ready_ = Ready::no; }
    Runtime& runtime;
  };
  if (ready_ != Ready::no || node_.leader() == raft::NodeId{} || now() < ask_ready_at_) return;
  ready_ = Ready::asking;
  ask_ready_at_ = now() + limits_.publish_retry_interval;
  // Not from within the turn that this is the end of.
  boost::asio::post(io_, [this] {
    read({.serializable = false,
          .deadline = now() + limits_.publish_retry_interval,
          .responder = std::make_unique<Probe>(*this)});
  });
}

// Whether this member remembers all that it has promised; the loss of that is said when it is found.
void Runtime::log_own_standing(const node::MemberStatus& status) {
  if (full_logged_ == status.full) return;
  if (status.full && full_logged_.has_value())
    log_info("this member has been taken in: it votes and counts from now on",
             {{"incarnation", hex_id(status.incarnation.v)}});
  full_logged_ = status.full;
}

node::RefusedBy Runtime::refused_by_lately() const {
  node::RefusedBy by;
  for (const auto& [id, at] : refused_by_)
    if (now() < at + limits_.refused_lately) by.insert(id);
  return by;
}

void Runtime::observe() {
  std::erase_if(refused_by_,
                [this](const auto& each) { return now() >= each.second + limits_.refused_lately; });
  for (const peer::PeerStats& peer : peers_.stats())
    if (peer.round_trip > Duration::zero())
      metrics_.round_trip(hex_id(peer.id.v)).observe(std::chrono::duration<double>(peer.round_trip).count());
  const node::MemberStatus status = this->status();
  if (status.role == "leader") standing_log_.look(status);
  log_own_standing(status);
  log_ready();
  if (removed_ && removal_.is_certain(node_.core().state().log.members(), now()))
    std::exchange(removed_, nullptr)();
  observe_timer_.expires_after(limits_.observe_interval);
  observe_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) observe();
  });
}

// Whom this member waits for, once that takes longer than an election, or a member's being taken in.
void Runtime::log_waiting() {
  if (node_.waits_for_long()) {
    waiting_logged_ = true;
    const std::string waiting = node_.waits_for(refused_by_lately());
    if (waits_logged_.due(waiting, now())) log_warn(waiting);
  } else if (waiting_logged_ && node_.waits_for().empty()) {
    waiting_logged_ = false;
    log_info("waits for nobody any more");
  }
}

void Runtime::log_leader() {
  log_waiting();
  log_ready();
  if (node_.leader() == leader_logged_) return;
  leader_logged_ = node_.leader();
  if (leader_logged_ != raft::NodeId{} && leader_logged_ != leader_before_) {
    leader_before_ = leader_logged_;
    metrics_.leader_changes.add();
  }
  const node::MemberStatus status = node_.status();
  if (status.role == "leader") standing_log_.look(status);  // before anybody's record changes
  log_own_standing(status);
  log_info(leader_logged_ == raft::NodeId{} ? "no leader" : "leader elected",
           {{"term", status.term.v},
            {"leader", leader_logged_.v == 0 ? "" : hex_id(leader_logged_.v)},
            {"name", name_of(leader_logged_)},
            {"role", status.role}});
}

void Runtime::publish(mvcc::MemberInfo self) {
  self_ = std::move(self);
  publish_again();
}

void Runtime::publish_again() {
  const auto view = node_.view();
  const auto known = view->members().find(self_.id);
  // Where its peers reach it stands in the configuration.
  const bool is_known = known != view->members().end() && known->second.name == self_.name &&
                        known->second.client_urls == self_.client_urls;
  if (is_known) return;
  command::PublishMember message;
  message.set_id(self_.id);
  message.set_name(self_.name);
  for (const std::string& url : self_.peer_urls) message.add_peer_urls(url);
  for (const std::string& url : self_.client_urls) message.add_client_urls(url);
  write({.kind = node::CommandKind::publish,
         .request = message.SerializeAsString(),
         .idempotency_key = {},
         .deadline = now() + limits_.publish_retry_interval,
         .responder = std::make_unique<IgnoreOutcome>(),
         .caller = {.kind = mvcc::Caller::Kind::cluster}});
  publish_timer_.expires_after(limits_.publish_retry_interval);
  publish_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) publish_again();
  });
}

void Runtime::hand_over(Duration patience, std::function<void()> done) {
  const node::MemberStatus status = node_.status();
  if (status.role != "leader" || status.members.voters.size() < 2) return done();
  await_hand_over(status.id, patience, std::move(done));
}

void Runtime::await_hand_over(raft::NodeId self, Duration patience, std::function<void()> done) {
  if (node_.leader() != self || patience <= Duration::zero()) return done();
  event(node::TransferLeadership{});  // again and again: one under way is not disturbed
  auto poll = std::make_shared<boost::asio::steady_timer>(io_, limits_.hand_over_poll_interval);
  poll->async_wait(
      [this, poll, self, patience, done = std::move(done)](const boost::system::error_code&) mutable {
        await_hand_over(self, patience - limits_.hand_over_poll_interval, std::move(done));
      });
}

void Runtime::Snapshots::save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) {
  Runtime& owner = runtime;
  owner.snapshot_thread_.save(meta, std::move(view), [&owner, meta, start = owner.now()](Status saved) {
    owner.metrics_.backend_commit_seconds.observe(std::chrono::duration<double>(owner.now() - start).count());
    boost::asio::post(owner.io_, [&owner, meta, start, saved = std::move(saved)] {
      if (saved) {
        log_info("a snapshot was saved",
                 {{"index", meta.index.v}, {"took-ms", milliseconds_of(owner.now() - start)}});
        return owner.event(node::SnapshotSaved{meta});
      }
      if (const auto times = owner.snapshots_logged_.due("save", owner.now()))
        log_warn("a snapshot could not be saved; trying again later",
                 {{"index", meta.index.v}, {"error", saved.error().message}, {"times", *times}});
      owner.event(node::SnapshotFailed{meta});
    });
  });
}

void Runtime::Snapshots::load(raft::SnapshotMeta meta) {
  Runtime& owner = runtime;
  owner.snapshot_thread_.load(meta, [&owner, meta](Result<std::unique_ptr<mvcc::StateMachine>> loaded) {
    if (!loaded && io::is_shortage(loaded.error()))  // of descriptors or memory, as it is all there
      return boost::asio::post(
          owner.io_, [&owner, meta, why = loaded.error()] { owner.snapshots_.load_later(meta, why); });
    if (!loaded) stop_for_disk_error("loading a received snapshot", loaded.error());
    auto machine = std::make_shared<std::unique_ptr<mvcc::StateMachine>>(std::move(*loaded));
    boost::asio::post(owner.io_, [&owner, meta, machine] {
      log_info("a received snapshot is loaded", {{"index", meta.index.v}, {"term", meta.term.v}});
      owner.event(node::SnapshotLoaded{meta, std::move(*machine)});
    });
  });
}

void Runtime::Snapshots::load_later(raft::SnapshotMeta meta, const Error& why) {
  if (const auto times = runtime.snapshots_logged_.due("load", runtime.now()))
    log_warn("a received snapshot cannot be loaded for the moment; trying again",
             {{"index", meta.index.v}, {"error", why.message}, {"times", *times}});
  auto pause = std::make_shared<boost::asio::steady_timer>(runtime.io_, runtime.limits_.load_retry_interval);
  pause->async_wait([this, pause, meta = std::move(meta)](const boost::system::error_code& error) {
    if (!error && !runtime.stopped_) load(meta);
  });
}

// What is sent is the newest durable snapshot, whatever the core asked for: it may have become newer since.
void Runtime::Snapshots::stream(raft::Message offer) {
  Runtime& owner = runtime;
  owner.snapshot_thread_.newest([&owner, offer](std::optional<wal::SnapshotInfo> newest) {
    boost::asio::post(owner.io_, [&owner, offer, newest = std::move(newest)]() mutable {
      const raft::NodeId to = offer.to;
      raft::SnapshotMeta& meta = std::get<raft::SnapshotOffer>(offer.body).meta;
      // An older one, left when the newest was put aside, would end before the log begins.
      const bool reaches = newest.has_value() && newest->meta.index >= meta.index;
      if (!reaches) return owner.event(node::SnapshotSent{to, false});
      meta = newest->meta;
      const std::string line = "to " + std::to_string(to.v) + " " + std::to_string(meta.index.v);
      if (const auto times = owner.snapshots_logged_.due(line, owner.now()))
        log_info("sending a snapshot", {{"to", hex_id(to.v)},
                                        {"name", owner.name_of(to)},
                                        {"index", newest->meta.index.v},
                                        {"bytes", newest->stored_bytes},
                                        {"times", *times}});
      owner.peers_.send_snapshot(std::move(offer), newest->chunks, [&owner, to](peer::SnapshotEnd end) {
        owner.snapshots_.sent(to, std::move(end));
      });
    });
  });
}

void Runtime::Snapshots::sent(raft::NodeId to, peer::SnapshotEnd end) {
  const auto times = end.refused.empty()
                         ? std::nullopt
                         : runtime.snapshots_logged_.due("refused by " + std::to_string(to.v), runtime.now());
  if (times)
    log_warn(
        "a member cannot take the snapshot that it needs; it stays behind, and the cluster cannot do "
        "without another one",
        {{"to", hex_id(to.v)}, {"name", runtime.name_of(to)}, {"why", end.refused}, {"times", *times}});
  if (end.refused.empty())
    log_info(end.ok ? "a snapshot was sent, and is durable there"
                    : "a snapshot did not get there; it is sent again",
             {{"to", hex_id(to.v)}, {"name", runtime.name_of(to)}});
  runtime.event(node::SnapshotSent{to, end.ok, std::move(end.refused)});
}

}  // namespace cairn::server
