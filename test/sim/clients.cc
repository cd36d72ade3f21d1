#include "sim/clients.h"

#include <algorithm>
#include <utility>

#include "node/requests.h"
#include "proto/rpc.pb.h"
#include "sim/member.h"
#include "sim/wire.h"

namespace cairn::sim {

// Answers only take note: what follows is scheduled, since a member may be in the middle of a turn, or dying.
struct Clients::WriteAnswer final : node::WriteResponder {
  WriteAnswer(Clients& the_clients, std::shared_ptr<Call> the_call, std::uint64_t the_member)
      : clients(the_clients),
        call(std::move(the_call)),
        member(the_member),
        tried(call->tries),
        item(call->item) {}
  ~WriteAnswer() override {
    if (!is_answered) later([clients = &clients, call = call] { clients->unknown(call); });
  }
  void done(mvcc::Outcome outcome) override {
    if (is_answered) clients.world_.judge.accuse("answers", "a write was answered twice");
    is_answered = true;
    clients.newest_revision_ = std::max(clients.newest_revision_, outcome.revision);
    if (outcome.code != Code::ok)
      clients.world_.note(member, "fails", {}, [text = outcome.error] { return text; });
    if (is_refused(outcome)) {
      return later([clients = &clients, call = call, tried = tried] { clients->refused(call, tried); });
    }
    const auto reply = call->compaction ? std::optional(Reply{}) : decode(call->request, outcome);
    if (reply) {
      later([clients = &clients, call = call, item = item, reply = *reply, member = member] {
        clients->answered(call, item, reply, member);
      });
    } else {
      later([clients = &clients, call = call] { clients->unknown(call); });
    }
  }
  void later(Schedule::Task task) { clients.world_.schedule.after(Duration{}, std::move(task)); }

  Clients& clients;
  std::shared_ptr<Call> call;
  const std::uint64_t member, tried;
  const std::size_t item;
  bool is_answered = false;
};

struct Clients::ReadAnswer final : node::ReadResponder {
  ReadAnswer(Clients& the_clients, std::shared_ptr<Call> the_call, std::uint64_t the_member)
      : clients(the_clients), call(std::move(the_call)), member(the_member) {}
  ~ReadAnswer() override {
    if (!is_answered) failed(Error{});
  }
  void ready(const mvcc::View& view) override {
    if (is_answered) clients.world_.judge.accuse("answers", "a read was answered twice");
    is_answered = true;
    clients.world_.schedule.after(
        Duration{}, [clients = &clients, call = call, reply = read(call->request, view), member = member] {
          clients->answered(call, call->item, reply, member);
        });
  }
  void failed(Error) override {
    is_answered = true;
    clients.world_.schedule.after(Duration{}, [clients = &clients, call = call] { clients->unknown(call); });
  }

  Clients& clients;
  std::shared_ptr<Call> call;
  const std::uint64_t member;
  bool is_answered = false;
};

Clients::Clients(World& world)
    : world_(world),
      prng_(world.options.seed ^ 0x636c69656e7473U),
      bound_prng_(world.options.seed ^ 0x626f756e64U) {
  clients_.resize(world.options.clients.count);
  for (std::size_t i = 0; i < clients_.size(); ++i) clients_[i].id = i + 1;
}

void Clients::start() {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(1'000'000'000))),
                          [this, i] { next(i); });
  }
  if (world_.options.quota_bytes > 0) make_room();
}

// Somebody who looks now and then, compacts and disarms, to the end.
void Clients::make_room() {
  struct Ignore final : node::WriteResponder {
    void done(mvcc::Outcome) override {}
  };
  world_.schedule.after(std::chrono::milliseconds(250), [this] { make_room(); });
  const std::uint64_t at = world_.any_member(&prng_);
  Member& member = world_.member(at);
  if (!member.is_up() || member.node().view()->alarms().empty()) return;
  const auto view = member.node().view();
  const auto write = [&](mvcc::CommandKind kind, const google::protobuf::MessageLite& message) {
    member.deliver(node::ClientWrite{kind,
                                     message.SerializeAsString(),
                                     {},
                                     member.local(world_.schedule.now() + world_.options.clients.timeout),
                                     std::make_unique<Ignore>()});
  };
  // One after the other: there may be room for one write at a time.
  if (view->compact_revision() < view->revision()) {
    etcdserverpb::CompactionRequest compaction;
    compaction.set_revision(view->revision());
    return write(mvcc::CommandKind::compaction, compaction);
  }
  const mvcc::Alarm& alarm = view->alarms()[prng_.below(view->alarms().size())];
  etcdserverpb::AlarmRequest disarm;
  disarm.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
  disarm.set_memberid(alarm.member);
  disarm.set_alarm(static_cast<etcdserverpb::AlarmType>(alarm.kind));
  write(mvcc::CommandKind::alarm, disarm);
}

Request Clients::draw(std::size_t client, std::string key) {
  const auto value = [&] {
    std::string text = "v" + std::to_string(++values_);
    text.resize(std::max<std::size_t>(text.size(), prng_.below(world_.options.clients.value_bytes) + 1), '.');
    return text;
  };
  Request request;
  if (prng_.chance(world_.options.clients.read_percent, 100)) {
    request.read_key = std::move(key);
    return request;
  }
  const std::uint64_t kind = prng_.below(10);
  if (kind < 4) {
    request.writes = {{key, value()}};
  } else if (kind < 6) {
    request.writes = {{key, std::nullopt}};
  } else {  // compare-and-set, and a transaction over two keys
    const auto seen = clients_[client].mod_revisions.find(key);
    request.guard = Request::Guard{key, seen == clients_[client].mod_revisions.end() ? 0 : seen->second};
    request.writes = {{key, value()}};
    request.read_key = key;
    if (kind >= 8) {
      const bool remove = prng_.chance(1, 3);
      request.writes.push_back({second_key(key), remove ? std::nullopt : std::optional(value())});
    }
  }
  return request;
}

void Clients::next(std::size_t client) {
  if (stopped_) return;
  if (world_.options.clients.compaction && prng_.chance(1, 50)) return compact(client);
  auto call = std::make_shared<Call>();
  call->client = client;
  std::string key = "k" + std::to_string(prng_.below(world_.options.clients.keys));
  if (prng_.chance(1, 8)) key = second_key(key);
  call->request = draw(client, std::move(key));
  call->local = !call->request.is_write() && prng_.chance(1, 5);
  if (call->request.is_write() && prng_.chance(world_.options.clients.idempotent_percent, 100)) {
    call->key = "c" + std::to_string(client) + "-" + std::to_string(clients_[client].turn);
    stamp(call.get());
  }
  bound(call.get());
  issue(call);
}

void Clients::compact(std::size_t client) {
  auto call = std::make_shared<Call>();
  call->client = client;
  call->compaction = true;
  std::int64_t newest = 0;
  for (const auto& [key, revision] : clients_[client].mod_revisions) newest = std::max(newest, revision);
  etcdserverpb::CompactionRequest message;
  message.set_revision(std::max<std::int64_t>(1, newest - static_cast<std::int64_t>(prng_.below(20))));
  call->turn = ++clients_[client].turn;
  const std::uint64_t at = world_.any_member(&prng_);
  Member& member = world_.member(at);
  if (!member.is_up()) return retry(call, world_.options.clients.think);
  const Time now = world_.schedule.now();
  member.deliver(node::ClientWrite{node::CommandKind::compaction,
                                   message.SerializeAsString(),
                                   {},
                                   member.local(now + world_.options.clients.timeout),
                                   std::make_unique<WriteAnswer>(*this, call, at)});
}

void Clients::probe() {
  auto call = std::make_shared<Call>();
  call->probe = true;
  call->key = "probe";
  call->request.writes = {{"probe", "alive"}};
  issue(call);
}

void Clients::pulse(const std::vector<std::uint64_t>& members, Duration waited) {
  for (const std::uint64_t at : members) {
    auto call = std::make_shared<Call>();
    call->at = at;
    call->least_timeout = waited;
    call->request.writes = {{"pulse", "pulse" + std::to_string(++values_)}};
    ++world_.counters.pulses;
    issue(call);
  }
}

void Clients::issue(const std::shared_ptr<Call>& call) {
  call->turn = ++clients_[call->client].turn;
  ClientHistory& history = call->local ? local_reads_ : history_;
  call->item = history.items.size();
  const std::int64_t now = world_.schedule.now().time_since_epoch().count();
  history.items.push_back({call->request, std::nullopt, Span{now, Span::kNever}, {}, false});
  ++world_.counters.requests;
  attempt(call);
}

void Clients::attempt(const std::shared_ptr<Call>& call) {
  const Time now = world_.schedule.now();
  const std::uint64_t any = call->probe ? world_.any_current_member(&prng_) : world_.any_member(&prng_);
  const std::uint64_t at = call->at != 0 ? call->at : any;
  Member& member = world_.member(at);
  // Refused: it surely did not happen. And what an earlier cluster held is no older state of this one.
  if (!member.is_up() || (call->local && member.is_of_earlier_founding())) {
    return world_.schedule.after(std::chrono::milliseconds(1),
                                 [this, call] { retry(call, world_.options.clients.think); });
  }
  ++call->tries;
  world_.note(at, "client", {{"client", call->client + 1}, {"turn", call->turn}, {"try", call->tries}},
              [call] { return describe(call->request); });
  // A probe asks ever more patiently: tries that are given up are work, too, and slow disks may not keep up.
  // Those that were refused are none.
  const auto patience = static_cast<std::int64_t>(call->probe ? call->tries - call->refusals : 1);
  const Duration timeout = std::max(patience * world_.options.clients.timeout, call->least_timeout);
  const Time deadline = member.local(now + timeout);
  if (call->request.is_write()) {
    if (call->probe && world_.options.limits.few_sessions()) probe_anew(call.get());
    member.deliver(node::ClientWrite{kind_of(call->request),
                                     encode(call->request),
                                     call->key,
                                     deadline,
                                     std::make_unique<WriteAnswer>(*this, call, at),
                                     Time::max(),
                                     call->seen_revision,
                                     {},
                                     call->request.answer_bytes_max});
  } else {
    member.deliver(node::ClientRead{call->local, deadline, std::make_unique<ReadAnswer>(*this, call, at)});
  }
  // A hung member answers nothing: the client does not wait for ever.
  world_.schedule.after(2 * timeout, [this, call, tries = call->tries] {
    if (!call->done && call->tries == tries) unknown(call);
  });
}

// Where keys are soon forgotten, a client says how far the store had come.
void Clients::stamp(Call* call) const {
  if (world_.options.limits.few_sessions()) call->seen_revision = newest_revision_;
}

// About as much as one or two pairs of keys take.
void Clients::bound(Call* call) {
  const ClientOptions& options = world_.options.clients;
  const bool may_be = call->request.guard && call->key.empty();
  if (!may_be || !bound_prng_.chance(options.bounded_percent, 100)) return;
  call->request.answer_bytes_max = bound_prng_.between(1, 3 * (kBoundBytes + options.value_bytes));
}

// There each try of a probe is a write of its own: it is no matter how many of them are done.
void Clients::probe_anew(Call* call) {
  stamp(call);
  if (call->tries == 1) return;
  call->key = "probe" + std::to_string(call->tries);
  call->request.writes = {{"probe", "alive" + std::to_string(call->tries)}};
  call->item = history_.items.size();
  const std::int64_t now = world_.schedule.now().time_since_epoch().count();
  history_.items.push_back({call->request, std::nullopt, Span{now, Span::kNever}, {}, false});
}

void Clients::retry(const std::shared_ptr<Call>& call, Duration wait) {
  if (call->done) return;
  if (call->compaction || call->at != 0 || (stopped_ && !call->probe)) return settle(call);
  world_.schedule.after(wait, [this, call] {
    if (!call->done) attempt(call);
  });
}

void Clients::answered(const std::shared_ptr<Call>& call, std::size_t at, const Reply& reply,
                       std::uint64_t member) {
  if (call->done) return;
  if (call->compaction) return settle(call);
  world_.note(member, "answers",
              {{"client", call->client + 1},
               {"turn", call->turn},
               {"revision", static_cast<std::uint64_t>(reply.revision)},
               {"held", reply.held ? 1U : 0U}},
              [reply] { return describe(reply); });
  ClientHistory::Item& item = (call->local ? local_reads_ : history_).items[at];
  item.reply = reply;
  item.span.answered = world_.schedule.now().time_since_epoch().count();
  item.label = "client " + std::to_string(call->client + 1) + " turn " + std::to_string(call->turn) +
               " at member " + std::to_string(member);
  ++world_.counters.answered;
  if (call->probe) probed_ = true;
  if (call->request.is_write()) write_acknowledged_at_ = world_.schedule.now();
  Client& client = clients_[call->client];
  if (!call->request.read_key.empty()) {
    client.mod_revisions[call->request.read_key] = reply.seen ? reply.seen->mod_revision : 0;
  }
  if (call->request.is_write() && reply.held) {
    for (const Request::Write& write : call->request.writes) {
      client.mod_revisions[write.key] = write.value ? reply.revision : 0;
    }
  }
  settle(call);
}

void Clients::unknown(const std::shared_ptr<Call>& call) {
  if (call->done) return;
  const bool again = call->probe || (!call->key.empty() && call->tries <= kRetriesMax);
  if (again) return retry(call, std::chrono::milliseconds(20));
  settle(call);
}

// Of a try that the client gave up already it is no news that it was refused; and it stays counted as one
// that may have happened.
void Clients::refused(const std::shared_ptr<Call>& call, std::uint64_t tried) {
  if (call->done || call->tries != tried) return;
  ++world_.counters.refused;
  ++call->refusals;
  const Duration wait = world_.options.clients.think;
  if (call->probe || call->compaction || call->tries <= kRetriesMax) return retry(call, wait);
  if (call->refusals == call->tries) history_.items[call->item].refused = true;
  settle(call);
}

void Clients::settle(const std::shared_ptr<Call>& call) {
  call->done = true;
  if (call->probe || call->at != 0) return;
  const auto think = static_cast<std::uint64_t>(2 * world_.options.clients.think.count());
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(think + 1))),
                        [this, client = call->client] { next(client); });
}

}  // namespace cairn::sim
