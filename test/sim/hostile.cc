#include "sim/hostile.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/reached.h"
#include "node/command_codec.h"
#include "peer/codec.h"
#include "peer/plausible.h"
#include "peer/session.h"
#include "raft/members.h"
#include "raft/state.h"
#include "sim/member.h"

namespace cairn::sim {
namespace {

using peer::ConnectionKind;
using peer::FrameType;

constexpr std::uint64_t kHuge = ~std::uint64_t{0};
const peer::Limits kLimits;

std::string framed(const raft::Message& message) {
  std::string bytes;
  peer::encode_message(message, &bytes);
  std::string frame;
  peer::put_frame(&frame, FrameType::message, bytes);
  return frame;
}

// What a connection that somebody else opened does with the bytes that arrive, a frame at a time.
class Connection {
 public:
  Connection(const peer::Config& config, const peer::Known& known, raft::Term ceiling, Time now)
      : session_(config, known), ceiling_(ceiling), now_(now), reader_(kLimits) {}

  // Or why the connection is closed.
  tl::expected<peer::Session::Taken, std::string> hear(std::string_view frame) {
    const auto room = reader_.prepare();
    CHECK(frame.size() <= room.size());
    reader_.commit(frame.copy(room.data(), frame.size()));
    const auto next = reader_.next();
    if (!next) return tl::unexpected(next.error().message);
    if (!*next) return tl::unexpected(std::string("no frame has arrived"));
    auto taken = session_.take(**next, ceiling_, now_);
    if (!taken) return tl::unexpected(taken.error().why);
    if (session_.greeted()) reader_.set_limit(kLimits.frame_bytes_max);
    return *std::move(taken);
  }

 private:
  peer::Session session_;
  const raft::Term ceiling_;
  const Time now_;
  peer::FrameReader reader_;
};

raft::AppendReply acknowledgement(raft::Index match) {
  raft::AppendReply reply;
  reply.ok = true;
  reply.match = match;
  return reply;
}
raft::AppendReply refusal(raft::Index refused, raft::Index hint, raft::Term hint_term) {
  raft::AppendReply reply;
  reply.match = refused;
  reply.hint = hint;
  reply.hint_term = hint_term;
  return reply;
}
raft::VoteRequest vote_request(raft::Index last, raft::Term last_term) {
  raft::VoteRequest request;
  request.last_index = last;
  request.last_term = last_term;
  return request;
}

}  // namespace

// Who is talked to, and in whose name.
struct Hostile::Victim {
  Member* member = nullptr;
  Member* named = nullptr;
  raft::Term term{};  // the victim's
  raft::Index last{};
  raft::NodeId leader{};
  raft::Incarnation incarnation{};
  raft::Life life{};  // of the named member
  raft::Term ceiling{};
  peer::Known known{};
  peer::Config config{};
  Time now{};  // by its clock

  raft::NodeId self() const { return raft::NodeId{member->id()}; }
  raft::NodeId name() const { return raft::NodeId{named->id()}; }
};

void Hostile::start() {
  const auto mean = static_cast<std::uint64_t>(world_.options.faults.lie.count());
  if (mean == 0) return;
  world_.schedule.after(Duration(static_cast<std::int64_t>(prng_.below(2 * mean) + 1)), [this] {
    if (stopped_) return;
    speak();
    invent();
    start();
  });
}

std::optional<Hostile::Victim> Hostile::choose(Prng* prng) {
  const std::uint64_t count = world_.members.size();
  const std::uint64_t to = prng->below(count) + 1, from = prng->below(count) + 1;
  if (to == from || !world_.member(to).is_up()) return std::nullopt;
  Victim victim{.member = &world_.member(to), .named = &world_.member(from)};
  const raft::State& state = victim.member->node().core().state();
  victim.term = state.term;
  victim.last = state.log.last();
  victim.leader = state.leader;
  victim.incarnation = state.life.incarnation;
  victim.life = victim.named->ledger().durable.hard_state.life;
  victim.ceiling = peer::term_ceiling(kLimits, raft::settled_term(state), {});
  victim.known = victim.member->known();
  victim.now = victim.member->local(world_.schedule.now());
  if (!victim.known.members.contains(victim.name())) return std::nullopt;
  victim.config.cluster_id = Member::kClusterId;
  victim.config.self = victim.self();
  ++world_.counters.lies;
  return victim;
}

void Hostile::speak() {
  const auto victim = choose(&prng_);
  if (!victim) return;
  prng_.chance(1, 10) ? greet_wrongly(*victim) : say(*victim, lie(*victim));
}

// What could be true, of somebody who could be: a member of a later configuration that leads, and a term to
// which a cluster could have come while this member was away.
void Hostile::invent() {
  const auto victim = choose(&inventor_);
  if (!victim) return;
  const raft::State& state = victim->member->node().core().state();
  const bool has_nothing_to_lose = !state.life.full && victim->member->is_damaged();
  const bool is_formed = world_.committed.at.index.v > 0;
  has_nothing_to_lose&& is_formed ? raise_term(*victim) : claim_to_lead(*victim);
}

// It may be heard where no leader was for long; what is committed it is not to change, and no member is to
// stop for it.
void Hostile::claim_to_lead(const Victim& victim) {
  const raft::State& state = victim.member->node().core().state();
  peer::Hello hello{.cluster_id = Member::kClusterId,
                    .from = raft::NodeId{world_.members.size() + 1 + inventor_.below(kHuge / 2)},
                    .to = victim.self()};
  hello.introduction = peer::Introduction{{victim.ceiling, raft::Index{1U << 30U}}, "host", 1};
  std::string frame;
  peer::put_hello(&frame, hello);
  Connection connection(victim.config, victim.known, victim.ceiling, victim.now);
  if (!connection.hear(frame)) {
    ++world_.counters.lies_refused;
    return;
  }
  raft::Message message = honest(victim, raft::AppendRequest{});
  message.from = hello.from;
  message.life = {raft::Incarnation{inventor_.next() | 1U}, 1, true};
  message.term = raft::Term{victim.term.v + 1 + inventor_.below(5)};
  raft::AppendRequest request;
  request.prev_index = victim.last.next();
  request.prev_term = message.term;
  if (state.commit.v > 0 && state.log.term_at(state.commit.prev())) {
    request.prev_index = state.commit.prev();
    request.prev_term = *state.log.term_at(request.prev_index);
    request.entries.push_back({message.term, state.commit, raft::EntryType::noop, nullptr});
  }
  message.body = request;
  if (inventor_.chance(1, 4)) message.body = vote_request(victim.last.next(), victim.term);
  // Who joins and has nothing to lose may be made to begin anew.
  const bool has_something = state.life.full || raft::is_unformed(state);
  if (inventor_.chance(1, 8) && has_something) message.body = raft::StartSeen{victim.incarnation, 1000};
  if (victim.term.v == 0) message.body = raft::TimeoutNow{};
  auto taken = connection.hear(framed(message));
  if (!taken) return accuse(victim, "a claim to lead", "was refused: " + taken.error());
  REACHED("sim.invented_member_heard");
  victim.member->deliver(node::MessageReceived{std::get<raft::Message>(std::move(*taken))});
}

// Of a member that has lost its memory: it is to find its way back from there.
void Hostile::raise_term(const Victim& victim) {
  raft::AppendRequest request;
  request.prev_index = victim.last.next();
  raft::Message message = honest(victim, raft::AppendRequest{});
  const raft::Term ceiling = peer::term_ceiling(kLimits, {}, {});
  // Not quite: other lies are of terms a little beyond the victim's.
  message.term = raft::Term{inventor_.chance(1, 2) ? ceiling.v / 2 : ceiling.v - (1U << 31U)};
  request.prev_term = message.term;
  message.body = request;
  if (!victim.member->believes(message)) return;
  REACHED("sim.term_raised_by_a_liar");
  victim.member->deliver(node::MessageReceived{std::move(message)});
}

void Hostile::greet_wrongly(const Victim& victim) {
  peer::Hello hello{.cluster_id = Member::kClusterId, .from = victim.name(), .to = victim.self()};
  switch (prng_.below(5)) {
    case 0:
      hello.from = raft::NodeId{world_.members.size() + 1 + prng_.below(kHuge / 2)};
      break;
    case 1:
      hello.cluster_id = prng_.next() | 1U << 31U;
      break;
    case 2:
      hello.from = raft::NodeId{world_.members.size() + 1 + prng_.below(kHuge / 2)};
      hello.introduction =
          peer::Introduction{victim.known.newest, "host", 1};  // not newer than what is known
      break;
    case 3:
      hello.to = hello.from;
      break;
    default:
      hello.from = hello.to;
  }
  std::string frame;
  peer::put_hello(&frame, hello);
  Connection connection(victim.config, victim.known, victim.ceiling, victim.now);
  if (connection.hear(frame)) return accuse(victim, "hello", "was accepted");
  ++world_.counters.lies_refused;
}

void Hostile::say(const Victim& victim, const Lie& lie) {
  Connection connection(victim.config, victim.known, victim.ceiling, victim.now);
  std::string hello;
  const bool is_stream = static_cast<FrameType>(lie.frame[4]) == FrameType::snapshot_begin;
  peer::put_hello(&hello, {.kind = is_stream ? ConnectionKind::snapshot : ConnectionKind::messages,
                           .cluster_id = Member::kClusterId,
                           .from = victim.name(),
                           .to = victim.self()});
  if (!connection.hear(hello)) return accuse(victim, "hello", "was refused");
  auto taken = connection.hear(lie.frame);
  world_.note(victim.member->id(), taken ? "is lied to" : "refuses a lie", {{"from", victim.name().v}},
              [lie] { return std::string(lie.name); });
  if (!taken) {
    ++world_.counters.lies_refused;
    if (lie.right == Answer::taken) accuse(victim, lie.name, "was refused: " + taken.error());
    return;
  }
  if (lie.right == Answer::refused) return accuse(victim, lie.name, "was believed");
  if (auto* message = std::get_if<raft::Message>(&*taken)) {
    victim.member->deliver(node::MessageReceived{std::move(*message)});
  } else if (const auto* note = std::get_if<peer::Session::Note>(&*taken)) {
    victim.member->deliver(node::NoteReceived{victim.name(), make_bytes(std::string(note->bytes))});
  }
}

void Hostile::accuse(const Victim& victim, const char* lie, const std::string& what) {
  world_.judge.accuse("I23 plausible", "member " + std::to_string(victim.self().v) + ": what a liar said, " +
                                           lie + ", " + what);
}

Hostile::Lie Hostile::lie(const Victim& victim) {
  switch (prng_.below(9)) {
    case 0:
      return impossible_number(victim);
    case 1:
      return impossible_entries(victim);
    case 2:
      return impossible_life(victim);
    case 3:
      return impossible_frame(victim);
    case 4:
      return snapshot_of_nothing(victim);
    case 5:
      return reply_to_another(victim);
    case 6:
      return late_question(victim);
    case 7:
      return strange_note(victim);
    default:
      return reply_never_asked_for(victim);
  }
}

// All that a lie leaves as it is.
raft::Message Hostile::honest(const Victim& victim, raft::Body body) const {
  return {victim.name(), victim.self(), victim.term, std::move(body), victim.life, victim.incarnation};
}

// Three that could be next. A term at least: where none was, nobody could have sent them.
raft::AppendRequest Hostile::entries(const Victim& victim) {
  raft::AppendRequest request;
  request.prev_index = victim.last.next();
  request.prev_term = std::max(victim.term, raft::Term{1});
  for (std::uint64_t i = 1; i <= 3; ++i) {
    request.entries.push_back({request.prev_term, raft::Index{request.prev_index.v + i},
                               raft::EntryType::command, make_bytes("a lie")});
  }
  return request;
}

Hostile::Lie Hostile::impossible_number(const Victim& victim) {
  raft::Message message = honest(victim, acknowledgement(victim.last));
  const auto later = [&](raft::Term term, raft::Body body) {
    message = honest(victim, std::move(body));
    message.term = term;
  };
  const raft::Term beyond{victim.ceiling.v + 1 + prng_.below(1U << 20U)};
  const std::uint64_t huge = kLimits.count_max + prng_.below(kHuge - kLimits.count_max);
  switch (prng_.below(10)) {
    case 0:
      later(raft::Term{kHuge}, raft::VoteRequest{});
      break;
    case 1:
      later(beyond, vote_request(victim.last, victim.term));
      break;
    case 2:
      later(beyond, raft::AppendRequest{});
      break;
    case 3:
      later(beyond, raft::VoteReply{});
      break;
    case 4:
      later(raft::Term{}, raft::TimeoutNow{});
      break;
    case 5:
      message.body = acknowledgement(raft::Index{huge});
      break;
    case 6:
      message.body = refusal(victim.last, {}, victim.term.next());
      break;
    case 7:
      message.body = raft::ReadIndexReply{.id = 1, .ok = true, .index = raft::Index{huge}};
      break;
    case 8:
      message.body = raft::SnapshotReply{.index = raft::Index{huge}, .ok = true};
      break;
    default:
      later(std::max(victim.term, raft::Term{1}), vote_request(victim.last.next(), beyond));
  }
  return {"a number", framed(message), Answer::refused};
}

Hostile::Lie Hostile::impossible_entries(const Victim& victim) {
  raft::AppendRequest request = entries(victim);
  switch (prng_.below(9)) {
    case 0:
      request.prev_index = raft::Index{kHuge - 1};
      break;
    case 1:
      request.entries.erase(request.entries.begin() + 1);
      break;
    case 2:
      request.entries[2].term = request.prev_term.next();
      break;
    case 3:
      request.entries[1].term = raft::Term{request.prev_term.v - 1};
      break;
    case 4:
      request.entries[1].type = raft::EntryType::members;  // which cannot be read
      break;
    case 5:
      request.entries[1] = {request.prev_term, request.entries[1].index, raft::EntryType::members,
                            raft::encode(raft::Members{})};
      break;
    case 6:
      request.prev_term = raft::Term{};
      break;
    case 7:
      request.commit = raft::Index{kHuge};
      break;
    default:
      request.read_round = kLimits.count_max;
  }
  raft::Message message = honest(victim, request);
  message.term = std::max(victim.term, raft::Term{1});
  return {"entries", framed(message), Answer::refused};
}

Hostile::Lie Hostile::impossible_life(const Victim& victim) {
  raft::Message message = honest(victim, acknowledgement(victim.last));
  const std::uint64_t start = kLimits.starts_max + prng_.below(kLimits.starts_max);
  switch (prng_.below(4)) {
    case 0:
      message.life.incarnation = {};
      break;
    case 1:
      message.life.start = start;
      break;
    case 2:
      message.body = raft::StartSeen{victim.incarnation, start};
      break;
    default:
      message.body = raft::StartSeen{{}, 1};
  }
  return {"a life", framed(message), Answer::refused};
}

Hostile::Lie Hostile::impossible_frame(const Victim& victim) {
  raft::Message message = honest(victim, acknowledgement(victim.last));
  std::string bytes, frame;
  switch (prng_.below(8)) {
    case 0:
      message.from = raft::NodeId{victim.name().v + 1};
      break;
    case 1:
      message.to = victim.name();
      break;
    case 2:
      message = honest(victim, raft::SnapshotOffer{{victim.last.next(), raft::Term{1}, {}, 0}});
      std::get<raft::SnapshotOffer>(message.body).meta.members.voters = {victim.self()};
      message.term = std::max(victim.term, raft::Term{1});
      break;
    case 3:  // cut off
      peer::encode_message(message, &bytes);
      peer::put_frame(&frame, FrameType::message, bytes.substr(0, prng_.below(bytes.size())));
      break;
    case 4:  // with something behind
      peer::encode_message(message, &bytes);
      peer::put_frame(&frame, FrameType::message, bytes + '\0');
      break;
    case 5:  // of a length that nobody has memory for
      frame = framed(message);
      for (std::size_t i = 0; i < 4; ++i) frame[i] = '\xff';
      break;
    case 6:  // damaged on its way
      frame = framed(message);
      frame.back() = static_cast<char>(frame.back() ^ 1);
      break;
    default:
      peer::put_frame(&frame, prng_.chance(1, 2) ? FrameType::snapshot_chunk : FrameType::hello, "");
  }
  return {"a frame", frame.empty() ? framed(message) : frame, Answer::refused};
}

Hostile::Lie Hostile::snapshot_of_nothing(const Victim& victim) {
  raft::SnapshotOffer offer;
  offer.meta.index = victim.last.next();
  offer.meta.term = raft::Term{1};
  offer.meta.members.voters = {victim.self()};
  std::uint64_t chunks = 1;
  switch (prng_.below(5)) {
    case 0:
      offer.meta.index = {};
      break;
    case 1:
      offer.meta.term = victim.ceiling.next();
      break;
    case 2:
      offer.meta.members.voters.clear();
      break;
    case 3:
      offer.meta.members.learners = {victim.self()};
      break;
    default:
      chunks = kLimits.snapshot_chunks_max + 1;
  }
  raft::Message message = honest(victim, offer);
  message.term = std::max(victim.term, raft::Term{1});
  std::string frame;
  peer::put_snapshot_begin(&frame, {.manifest = "manifest", .chunks = chunks, .offer = message});
  return {"a snapshot", frame, Answer::refused};
}

// Whatever it grants or acknowledges: it was not this incarnation that had asked.
Hostile::Lie Hostile::reply_to_another(const Victim& victim) {
  const std::vector<raft::Body> replies = {raft::VoteReply{.granted = true},
                                           raft::VoteReply{.pre = true, .granted = true},
                                           acknowledgement(victim.last),
                                           refusal(victim.last, {}, {}),
                                           raft::SnapshotReply{.index = victim.last, .ok = true},
                                           raft::ReadIndexReply{.id = 1, .ok = true, .index = victim.last},
                                           raft::TimeoutNow{}};
  raft::Message message = honest(victim, replies[prng_.below(replies.size())]);
  message.term = raft::Term{std::max<std::uint64_t>(victim.term.v, 1) + prng_.below(1U << 30U)};
  message.life.incarnation = raft::Incarnation{prng_.next() | 1U};
  message.to_incarnation = raft::Incarnation{victim.incarnation.v ^ (prng_.below(kHuge) + 1)};
  return {"a reply to another", framed(message), Answer::taken};
}

// By a member that is heard anyway, so that the answer is no sign of life where there is none.
Hostile::Lie Hostile::reply_never_asked_for(const Victim& victim) {
  const bool is_heard = victim.named->healthy_since() != Time::max() &&
                        !world_.network.is_cut(victim.name().v, victim.self().v);
  const bool is_followed = victim.leader == victim.name();
  if (!is_heard || victim.term.v == 0) return reply_to_another(victim);
  const raft::Index beyond{victim.last.v + 1 + prng_.below(1U << 30U)};
  const raft::Term earlier{prng_.below(victim.term.v)};
  raft::Message message = honest(victim, acknowledgement(beyond));
  switch (prng_.below(7)) {
    case 0:
      message.body = refusal(beyond, beyond, earlier);
      break;
    case 1:
      message.body = raft::SnapshotReply{.index = beyond, .ok = prng_.chance(1, 2)};
      break;
    case 2:
      message.body = raft::ReadIndexReply{.id = kLimits.count_max - 1, .ok = true, .index = victim.last};
      break;
    case 3:
      message.body = raft::VoteReply{.granted = true};
      message.term = earlier;
      break;
    case 4:
      if (!is_followed) message.body = raft::TimeoutNow{};
      break;
    case 5:
      std::get<raft::AppendReply>(message.body).read_round = kLimits.count_max - 1;
      break;
    default:
      break;
  }
  return {"a reply that nobody waits for", framed(message), Answer::taken};
}

Hostile::Lie Hostile::late_question(const Victim& victim) {
  const raft::Term earlier{prng_.below(std::max<std::uint64_t>(victim.term.v, 1))};
  raft::Message message = honest(victim, raft::VoteRequest{});
  message.term = earlier;
  switch (prng_.below(5)) {
    case 0:
      message.body = raft::AppendRequest{};
      break;
    case 1:
      message.body = raft::ReadIndexRequest{.id = prng_.below(kLimits.count_max)};
      break;
    case 2:
      message.body = raft::StartSeen{raft::Incarnation{prng_.next() | 1U}, 1};
      break;
    case 3:
      message.body = raft::StartSeen{victim.incarnation, 0};
      break;
    default:
      break;
  }
  return {"something late", framed(message), Answer::any};
}

Hostile::Lie Hostile::strange_note(const Victim& victim) {
  Bytes note = make_bytes(std::string(prng_.below(200), '\xff'));
  if (prng_.chance(1, 2)) {
    const raft::Term elsewhen{victim.term.v + 1'000'000 + prng_.below(1U << 30U)};
    note = prng_.chance(1, 2)
               ? node::forward_note(elsewhen, "no batch")
               : node::refusal_note(victim.term, "no batch", Error{Code::unavailable, "a lie"});
  }
  std::string frame;
  peer::put_frame(&frame, FrameType::note, *note);
  return {"a note", frame, Answer::taken};
}

}  // namespace cairn::sim
