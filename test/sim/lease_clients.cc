#include "sim/lease_clients.h"

#include <chrono>
#include <optional>
#include <utility>

#include "proto/rpc.pb.h"
#include "sim/member.h"

namespace cairn::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Answers only take note: what follows is scheduled, since a member may be in the middle of a turn, or dying.
struct LeaseClients::WriteAnswer final : node::WriteResponder {
  WriteAnswer(LeaseClients& the_clients, const Asked& what, node::CommandKind of_kind)
      : clients(the_clients), asked(what), kind(of_kind) {}
  ~WriteAnswer() override {
    if (!is_answered) tell(false);
  }
  void done(mvcc::Outcome outcome) override {
    if (is_answered) clients.world_.judge.accuse("answers", "a write of a lease was answered twice");
    is_answered = true;
    tell(outcome.code == Code::ok);
  }
  void tell(bool done) {
    clients.world_.schedule.after(
        Duration{}, [all = &clients, asked = asked, kind = kind, done] { all->written(asked, kind, done); });
  }
  LeaseClients& clients;
  const Asked asked;
  const node::CommandKind kind;
  bool is_answered = false;
};

struct LeaseClients::KeepAliveAnswer final : node::LeaseResponder {
  KeepAliveAnswer(LeaseClients& the_clients, const Asked& what) : clients(the_clients), asked(what) {}
  ~KeepAliveAnswer() override {
    if (!is_answered) tell(std::nullopt);
  }
  void done(const node::LeaseTime& time) override {
    if (is_answered) clients.world_.judge.accuse("answers", "a keep-alive was answered twice");
    is_answered = true;
    tell(time.left_s);
  }
  void failed(Error) override {
    is_answered = true;
    tell(std::nullopt);
  }
  void tell(std::optional<std::int64_t> left_s) {
    clients.world_.schedule.after(Duration{},
                                  [all = &clients, asked = asked, left_s] { all->kept(asked, left_s); });
  }
  LeaseClients& clients;
  const Asked asked;
  bool is_answered = false;
};

void LeaseClients::start() {
  clients_.resize(world_.options.clients.leases);
  for (std::size_t i = 0; i < clients_.size(); ++i) later(i, seconds(1), &LeaseClients::begin);
}

Duration LeaseClients::longest() const { return clients_.empty() ? Duration{} : seconds(kTtlMax); }

Duration LeaseClients::some(Duration most) {
  return Duration(static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

void LeaseClients::later(std::size_t client, Duration most, void (LeaseClients::*what)(std::size_t)) {
  world_.schedule.after(some(most), [this, client, what] {
    if (!stopped_) (this->*what)(client);
  });
}

LeaseClients::Asked LeaseClients::ask(std::size_t client) {
  Client& asking = clients_[client];
  return {client, ++asking.turn, world_.schedule.now(), asking.id, asking.ttl_s};
}

void LeaseClients::begin(std::size_t client) {
  Client& beginning = clients_[client];
  // Of one id all leases last alike, so that who is told of one knows what it means for any.
  if (beginning.leases == 0 || !prng_.chance(1, 4)) {
    const auto number = static_cast<std::int64_t>(1000 * (client + 1) + ++beginning.leases);
    beginning.id = prng_.chance(1, 3) ? -number : number;
    beginning.ttl_s = 1 + static_cast<std::int64_t>(prng_.below(kTtlMax));
  }
  beginning.keep_alives = prng_.below(8);
  grant(client);
}

void LeaseClients::grant(std::size_t client) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_id(clients_[client].id);
  request.set_ttl(clients_[client].ttl_s);
  write(client, node::CommandKind::lease_grant, request.SerializeAsString());
}

void LeaseClients::attach(std::size_t client) {
  etcdserverpb::PutRequest request;
  request.set_key("lease" + std::to_string(clients_[client].id));
  request.set_value("of turn " + std::to_string(clients_[client].turn) + " of " + std::to_string(client));
  request.set_lease(clients_[client].id);
  write(client, node::CommandKind::put, request.SerializeAsString());
}

void LeaseClients::revoke(std::size_t client) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(clients_[client].id);
  write(client, node::CommandKind::lease_revoke, request.SerializeAsString());
}

void LeaseClients::write(std::size_t client, node::CommandKind kind, std::string request) {
  const std::uint64_t at = world_.any_member(&prng_);
  Member& member = world_.member(at);
  if (!member.is_up()) return later(client, seconds(1), &LeaseClients::begin);
  const Asked asked = ask(client);
  ++world_.counters.lease_calls;
  world_.note(at, "lease",
              {{"client", client + 1}, {"turn", asked.turn}, {"kind", static_cast<std::uint64_t>(kind)}});
  member.deliver(
      node::ClientWrite{.kind = kind,
                        .request = std::move(request),
                        .idempotency_key = {},
                        .deadline = member.local(world_.schedule.now() + world_.options.clients.timeout),
                        .responder = std::make_unique<WriteAnswer>(*this, asked, kind)});
  // A hung member answers nothing.
  world_.schedule.after(2 * world_.options.clients.timeout,
                        [this, asked, kind] { written(asked, kind, false); });
}

void LeaseClients::written(const Asked& asked, node::CommandKind kind, bool done) {
  if (done && kind == node::CommandKind::lease_grant) book_.acknowledged(asked.id, asked.ttl_s, asked.when);
  if (asked.turn != clients_[asked.client].turn) return;  // was given up
  ++clients_[asked.client].turn;
  if (!done || kind == node::CommandKind::lease_revoke)
    return later(asked.client, seconds(2), &LeaseClients::begin);
  const bool attaches = kind == node::CommandKind::lease_grant && prng_.chance(3, 4);
  later(asked.client, seconds(asked.ttl_s) / 2, attaches ? &LeaseClients::attach : &LeaseClients::keep);
}

void LeaseClients::keep(std::size_t client) {
  Client& keeping = clients_[client];
  if (keeping.keep_alives == 0) {
    const bool revokes = prng_.chance(1, 4);
    return revokes ? revoke(client) : later(client, 3 * seconds(keeping.ttl_s), &LeaseClients::begin);
  }
  --keeping.keep_alives;
  const std::uint64_t at = world_.any_member(&prng_);
  Member& member = world_.member(at);
  if (!member.is_up()) return later(client, seconds(keeping.ttl_s) / 2, &LeaseClients::keep);
  const Asked asked = ask(client);
  ++world_.counters.lease_calls;
  world_.note(at, "keep-alive", {{"client", client + 1}, {"turn", asked.turn}});
  member.deliver(
      node::LeaseCall{.kind = node::LeaseCallKind::keep_alive,
                      .id = keeping.id,
                      .deadline = member.local(world_.schedule.now() + world_.options.clients.timeout),
                      .responder = std::make_unique<KeepAliveAnswer>(*this, asked)});
  world_.schedule.after(2 * world_.options.clients.timeout, [this, asked] { kept(asked, std::nullopt); });
}

void LeaseClients::kept(const Asked& asked, std::optional<std::int64_t> left_s) {
  if (left_s && *left_s > 0) {
    ++world_.counters.leases_kept;
    book_.acknowledged(asked.id, *left_s, asked.when);
  }
  Client& client = clients_[asked.client];
  if (asked.turn != client.turn) return;  // was given up
  ++client.turn;
  if (left_s && *left_s == 0) return later(asked.client, seconds(1), &LeaseClients::begin);
  later(asked.client, seconds(client.ttl_s), &LeaseClients::keep);
}

}  // namespace cairn::sim
