#include "peer/peers.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/hex_id.h"
#include "base/reached.h"
#include "peer/incoming.h"
#include "peer/listening.h"
#include "peer/outgoing.h"
#include "peer/snapshot_sender.h"

namespace cairn::peer {

namespace asio = boost::asio;

struct Peers::Impl {
  Impl(asio::io_context& io, Config config, Receiver& receiver, SnapshotFiles& files)
      : context(new Context{.io = io,
                            .config = config,
                            .receiver = receiver,
                            .files = files,
                            // Only spreads reconnection attempts: members differ, and that is all it takes.
                            .prng = Prng(config.self.v),
                            .started = std::chrono::steady_clock::now()}),
        listening(io, config.retry_max, [this](net::Socket&& socket) { accepted(std::move(socket)); }),
        tick(io) {
    tick_later();
  }

  void tick_later();
  void accepted(net::Socket&& socket);
  void make_room();
  void greeted(Incoming* link);
  void incoming_ended(Incoming* link, bool by_peer);
  void drop_strangers();
  void disbelieve(raft::NodeId who, const std::string& why);
  bool is_heard(const Incoming& link) const;
  void make_room_for_introduced(Incoming* link);
  const Introduction* moved_to(const Incoming& link) const;
  std::map<raft::NodeId, PeerAddress> whom_to_dial() const;
  void dial_all();
  void connected(raft::NodeId peer);
  void lost(raft::NodeId peer);
  void close();
  OutgoingPeer* find(raft::NodeId id) {
    const auto found = outgoing.find(id);
    return found == outgoing.end() ? nullptr : found->second.get();
  }

  const std::shared_ptr<Context> context;
  std::vector<PeerAddress> members;  // the others
  Listening listening;
  std::map<raft::NodeId, std::shared_ptr<OutgoingPeer>> outgoing;
  std::map<raft::NodeId, Place> reached_at;  // last, of those that are dialled
  std::map<Incoming*, std::shared_ptr<Incoming>> incoming;
  std::map<raft::NodeId, std::shared_ptr<SnapshotSender>> snapshots;
  std::set<raft::NodeId>
      reported_lost;  // until connected again: a dead process closes two connections at once
  std::map<raft::NodeId, std::uint64_t> received_before;  // on connections that have ended
  asio::steady_timer tick;
};

void Peers::Impl::tick_later() {
  tick.expires_after(context->config.heartbeat_interval);
  tick.async_wait([this, shared = context](boost::system::error_code error) {
    if (error || shared->closed) return;
    const Time now = std::chrono::steady_clock::now();
    // When it was us who stood still, what the others sent meanwhile has not been read yet.
    const bool late = now - tick.expiry() > shared->config.silence_timeout / 2;
    for (const auto& [id, peer] : outgoing) peer->heartbeat();
    // These two may change the lists, and what they report may close everything.
    const auto links = incoming;
    for (const auto& [link, owned] : links) {
      if (!shared->closed && !late) link->tick(now);
    }
    if (shared->closed) return;
    // Whoever was needed while no leader was there is not any more.
    shared->look_at_receiver();
    drop_strangers();
    const auto senders = snapshots;
    for (const auto& [id, sender] : senders) {
      if (!shared->closed) sender->check_stall(now);
    }
    if (!shared->closed) tick_later();
  });
}

void Peers::Impl::make_room() {
  Incoming* oldest = nullptr;
  std::size_t ungreeted = 0;
  for (const auto& [link, owned] : incoming) {
    if (link->greeted()) continue;
    ++ungreeted;
    if (oldest == nullptr || link->accepted_at() < oldest->accepted_at()) oldest = link;
  }
  if (oldest == nullptr || ungreeted < context->config.ungreeted_max) return;
  const auto owned = incoming.extract(oldest).mapped();
  owned->close();
  context->refuse({Refused::crowded,
                   {},
                   "connection from " + owned->remote() + " closed: it has not said who it is, and " +
                       std::to_string(ungreeted) + " such connections are open",
                   {}});
}

void Peers::Impl::accepted(net::Socket&& socket) {
  make_room();
  if (context->closed) return;
  const auto link = std::make_shared<Incoming>(
      context, std::move(socket),
      Incoming::Events{.greeted = [this](Incoming* which) { greeted(which); },
                       .ended = [this](Incoming* which, bool by_peer) { incoming_ended(which, by_peer); }});
  incoming.emplace(link.get(), link);
  link->start();
}

void Peers::Impl::greeted(Incoming* link) {
  // A member has one connection of each kind: an older one is a leftover of a cut network or of a killed
  // process.
  for (auto it = incoming.begin(); it != incoming.end();) {
    Incoming* const other = it->first;
    if (other != link && other->greeted() && other->from() == link->from() && other->kind() == link->kind()) {
      if (find(other->from())) received_before[other->from()] += other->received_bytes();
      other->close();
      it = incoming.erase(it);
    } else {
      ++it;
    }
  }
  if (link->introduced()) {
    make_room_for_introduced(link);
    dial_all();  // it is to be answered
    context->receiver.on_introduced(link->from(), link->introduction(), link->remote());
    if (context->closed) return;
  }
  if (moved_to(*link) != nullptr) dial_all();
  if (link->kind() != ConnectionKind::messages) return;
  reported_lost.erase(link->from());
  if (OutgoingPeer* const peer = find(link->from())) peer->retry_at_once();
}

void Peers::Impl::incoming_ended(Incoming* link, bool by_peer) {
  const auto found = incoming.find(link);
  if (found == incoming.end()) return;
  const auto owned = found->second;
  incoming.erase(found);
  if (owned->greeted() && find(owned->from())) received_before[owned->from()] += owned->received_bytes();
  if (owned->introduced() || moved_to(*owned) != nullptr)
    dial_all();  // an introduction lasts as long as its connection
  if (!by_peer || !owned->greeted() || owned->kind() != ConnectionKind::messages) return;
  // All that it had sent has been read by now, perhaps after our connection to it was found to be closed.
  const bool is_known = reported_lost.contains(owned->from());
  if (is_known && find(owned->from()) && !context->closed) context->receiver.on_unreachable(owned->from());
  lost(owned->from());
}

void Peers::Impl::drop_strangers() {
  for (auto it = incoming.begin(); it != incoming.end();) {
    Incoming* const link = it->first;
    const bool stranger = link->greeted() && !is_heard(*link);
    if (stranger) {
      link->close();
      // Should it have led, nobody needs to wait until it is missed. Not from within the call.
      asio::post(context->io, [shared = context, id = link->from()] {
        if (!shared->closed) shared->receiver.on_connection_lost(id);
      });
    }
    it = stranger ? incoming.erase(it) : std::next(it);
  }
}

// Once the own log has got as far as the configuration that somebody is introduced by, it decides.
bool Peers::Impl::is_heard(const Incoming& link) const {
  if (context->known.members.contains(link.from())) return true;
  return link.introduced() && link.introduction().by > context->known.newest &&
         std::chrono::steady_clock::now() >= context->known.introductions_from;
}

// From within what is heard of it, perhaps.
void Peers::Impl::disbelieve(raft::NodeId who, const std::string& why) {
  asio::post(context->io, [this, shared = context, who, why] {
    if (shared->closed) return;
    if (shared->known.members.contains(who))
      return shared->refuse(
          {Refused::disbelieved, who, "member " + hex_id(who.v) + " is not believed: " + why, {}});
    for (auto it = incoming.begin(); it != incoming.end();) {
      const auto owned = it->second;
      const bool is_its = owned->introduced() && owned->from() == who;
      it = is_its ? incoming.erase(it) : std::next(it);
      if (!is_its) continue;
      owned->close();
      shared->refuse({Refused::disbelieved,
                      who,
                      "connection of member " + hex_id(who.v) + " from " + owned->remote() +
                          " closed: no configuration here names it, and it is not believed: " + why,
                      {}});
      if (shared->closed) return;
    }
    dial_all();
  });
}

void Peers::Impl::make_room_for_introduced(Incoming* link) {
  Incoming* oldest = nullptr;
  std::size_t others = 0;
  for (const auto& [each, owned] : incoming) {
    if (each == link || !each->introduced() || context->known.members.contains(each->from())) continue;
    ++others;
    if (oldest == nullptr || each->accepted_at() < oldest->accepted_at()) oldest = each;
  }
  if (oldest == nullptr || others < context->config.introduced_max) return;
  const auto owned = incoming.extract(oldest).mapped();
  owned->close();
  context->refuse({Refused::crowded,
                   owned->from(),
                   "connection from " + owned->remote() + " closed: it is heard by an introduction, and " +
                       std::to_string(others) + " such connections are open",
                   {}});
}

// A member that a later configuration than those here has at another address: what it is answered has to get
// there before the own log can.
const Introduction* Peers::Impl::moved_to(const Incoming& link) const {
  const Introduction* const told = link.told_address();
  if (told == nullptr || !context->known.members.contains(link.from())) return nullptr;
  return told->by > context->known.newest ? told : nullptr;
}

// Members, and who is to be answered although it is none here yet. A member that moves is dialled where it is
// to be, and behind that where it was reached last, as long as it was not reached there, and where it says
// itself that it is: who is about to move is needed where it still is, and whoever lies about another keeps
// nobody from reaching that one.
std::map<raft::NodeId, PeerAddress> Peers::Impl::whom_to_dial() const {
  std::map<raft::NodeId, PeerAddress> wanted;
  const auto add = [&wanted](raft::NodeId id, const Place& place) {
    const auto found = wanted.find(id);
    if (found == wanted.end() || found->second.has(place)) return;
    REACHED("peer.moved");
    found->second.also.push_back(place);
  };
  for (const PeerAddress& member : members) {
    if (member.port != 0) wanted.emplace(member.id, member);
  }
  for (const auto& [link, owned] : incoming) {
    if (link->introduced())
      wanted.try_emplace(link->from(),
                         PeerAddress{link->from(), link->introduction().host, link->introduction().port, {}});
    if (const Introduction* told = moved_to(*link)) add(link->from(), {told->host, told->port});
  }
  for (const auto& [id, place] : reached_at) add(id, place);
  return wanted;
}

void Peers::Impl::dial_all() {
  if (context->closed) return;
  std::map<raft::NodeId, PeerAddress> wanted = whom_to_dial();
  const auto is_over = [&wanted](const auto& each) { return !wanted.contains(each.first); };
  std::erase_if(context->failures, is_over);
  std::erase_if(reached_at, is_over);
  std::map<raft::NodeId, std::shared_ptr<OutgoingPeer>> kept;
  for (auto& [id, address] : wanted) {
    if (const auto found = outgoing.find(id);
        found != outgoing.end() &&
        (found->second->address() == address || found->second->is_at_one_of(address))) {
      found->second->moves_to(std::move(address));
      kept.insert(outgoing.extract(found));
      continue;
    }
    kept[id] = std::make_shared<OutgoingPeer>(
        context, std::move(address), [this](raft::NodeId peer) { lost(peer); },
        [this](raft::NodeId peer) { connected(peer); });
  }
  outgoing.swap(kept);
  for (const auto& [id, gone] : kept) gone->stop();
  for (const auto& [id, peer] : outgoing) peer->start();
}

void Peers::Impl::connected(raft::NodeId peer) {
  reported_lost.erase(peer);
  if (const OutgoingPeer* const to = find(peer)) reached_at[peer] = to->place();
}

void Peers::Impl::lost(raft::NodeId peer) {
  if (context->closed || !find(peer) || !reported_lost.insert(peer).second) return;
  context->receiver.on_connection_lost(peer);
}

void Peers::Impl::close() {
  if (std::exchange(context->closed, true)) return;
  tick.cancel();
  listening.close();
  for (const auto& [id, peer] : std::exchange(outgoing, {})) peer->stop();
  for (const auto& [link, owned] : std::exchange(incoming, {})) link->close();
  for (const auto& [id, sender] : std::exchange(snapshots, {})) sender->cancel();
}

Peers::Peers(asio::io_context& io, Config config, Receiver& receiver, SnapshotFiles& files)
    : impl_(std::make_unique<Impl>(io, config, receiver, files)) {}

Peers::~Peers() { impl_->close(); }

void Peers::close() { impl_->close(); }

Result<std::uint16_t> Peers::listen(const std::string& address, std::uint16_t port) {
  return impl_->listening.listen(address, port);
}

void Peers::set_peers(std::vector<PeerAddress> peers, Standing standing) {
  Impl& impl = *impl_;
  if (impl.context->closed) return;
  const raft::NodeId self = impl.context->config.self;
  std::erase_if(peers, [self](const PeerAddress& peer) { return peer.id == self; });
  Known& known = impl.context->known;
  known.members.clear();
  for (const PeerAddress& peer : peers) known.members.insert(peer.id);
  known.newest = standing.newest;
  impl.context->standing = std::move(standing);
  impl.members = std::move(peers);
  impl.drop_strangers();
  impl.dial_all();
}

void Peers::disbelieve(raft::NodeId who, const std::string& why) { impl_->disbelieve(who, why); }

void Peers::send(raft::Message message) {
  if (OutgoingPeer* const peer = impl_->find(message.to)) peer->send(message);
}

bool Peers::send_note(raft::NodeId to, Bytes note) {
  OutgoingPeer* const peer = impl_->find(to);
  return peer != nullptr && peer->send_note(note ? std::string_view(*note) : std::string_view());
}

void Peers::send_snapshot(raft::Message offer, std::uint64_t chunks, std::function<void(SnapshotEnd)> done) {
  Impl& impl = *impl_;
  CHECK(std::holds_alternative<raft::SnapshotOffer>(offer.body));
  const raft::NodeId to = offer.to;
  OutgoingPeer* const peer = impl.find(to);
  if (!peer || impl.snapshots.contains(to)) {
    // Nobody to send to, or a stream to it is under way already. Not from within the call: the caller may not
    // be ready for the answer yet.
    asio::post(impl.context->io, [done = std::move(done)] { done({}); });
    return;
  }
  auto sender = std::make_shared<SnapshotSender>(
      impl.context, peer->address(), std::move(offer), chunks,
      [&impl, shared = impl.context, to, done = std::move(done)](SnapshotEnd end) {
        if (!shared->closed) impl.snapshots.erase(to);
        done(std::move(end));
      });
  impl.snapshots.emplace(to, sender);
  sender->start();
}

std::uint64_t Peers::refused(Refused reason) const {
  return impl_->context->refused[static_cast<std::size_t>(reason)];
}

std::vector<PeerStats> Peers::stats() const {
  std::vector<PeerStats> all;
  for (const auto& [id, peer] : impl_->outgoing) {
    PeerStats stats;
    stats.id = id;
    peer->fill(&stats);
    if (const auto before = impl_->received_before.find(id); before != impl_->received_before.end()) {
      stats.received_bytes = before->second;
    }
    for (const auto& [link, owned] : impl_->incoming) {
      if (!link->greeted() || link->from() != id) continue;
      stats.incoming |= link->kind() == ConnectionKind::messages;
      stats.received_bytes += link->received_bytes();
    }
    all.push_back(stats);
  }
  return all;
}

}  // namespace cairn::peer
