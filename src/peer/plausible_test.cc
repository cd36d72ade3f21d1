#include "peer/plausible.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

#include "raft/life.h"
#include "raft/members.h"

namespace cairn::peer {
namespace {

using namespace raft;

constexpr std::uint64_t kHuge = ~std::uint64_t{0};
constexpr std::uint64_t kStart = kHuge << raft::kStartCountBits | 3;  // most of it is random
constexpr Term kCeiling{1000};

std::string reason(const Message& message, const Limits& limits = {}) {
  const Status said = plausible(message, limits, kCeiling);
  return said ? "" : said.error().message;
}

Message in_term(std::uint64_t term, Body body) {
  return {.from = NodeId(1),
          .to = NodeId(2),
          .term = Term(term),
          .body = std::move(body),
          .life = {Incarnation(9), kStart, true}};
}

// The good body, changed.
template <class T>
std::string changed(T body, const std::function<void(T*)>& change, const Limits& limits = {}) {
  EXPECT_EQ(reason(in_term(7, body), limits), "");
  change(&body);
  return reason(in_term(7, body), limits);
}

Members members() {
  Members members;
  members.voters = {NodeId(1), NodeId(2), NodeId(3)};
  return members;
}

AppendRequest append() {
  AppendRequest request;
  request.prev_index = Index(10);
  request.prev_term = Term(4);
  request.commit = Index(1000);  // the receiver may be far behind
  request.entries = {{Term(4), Index(11), EntryType::command, make_bytes("x")},
                     {Term(7), Index(12), EntryType::members, encode(members())},
                     {Term(7), Index(13), EntryType::noop, nullptr}};
  return request;
}

TEST(Plausible, WhatAnHonestMemberSaysPasses) {
  EXPECT_EQ(reason(in_term(0, VoteReply{})), "");  // nobody has been elected yet
  EXPECT_EQ(reason(in_term(1, VoteRequest{.pre = true, .last_index = {}, .last_term = {}})), "");
  EXPECT_EQ(reason(in_term(1000, VoteRequest{.last_index = Index(5), .last_term = Term(999)})), "");
  EXPECT_EQ(reason(in_term(7, append())), "");
  EXPECT_EQ(reason(in_term(7, AppendRequest{})), "");
  EXPECT_EQ(reason(in_term(7, AppendReply{.ok = true, .match = Index(5), .hint = {}, .hint_term = {}})), "");
  EXPECT_EQ(reason(in_term(7, SnapshotOffer{{Index(9), Term(8), members()}})), "");  // newer than its offer
  EXPECT_EQ(reason(in_term(7, SnapshotReply{Index(9), true})), "");
  EXPECT_EQ(reason(in_term(7, TimeoutNow{})), "");
  EXPECT_EQ(reason(in_term(7, ReadIndexRequest{1})), "");
  EXPECT_EQ(reason(in_term(7, ReadIndexReply{1, true, Index(4)})), "");
  EXPECT_EQ(reason(in_term(7, StartSeen{Incarnation(5), kStart})), "");
  EXPECT_EQ(reason(in_term(0, Started{})), "");
  EXPECT_EQ(reason(in_term(7, Started{kStart})), "");
}

TEST(Plausible, NoTermBeyondTheCeiling) {
  for (const std::uint64_t term : {std::uint64_t{1001}, std::uint64_t{1} << 63, kHuge}) {
    EXPECT_NE(reason(in_term(term, VoteRequest{})).find("term " + std::to_string(term)), std::string::npos);
    EXPECT_NE(reason(in_term(term, VoteReply{})), "");
    EXPECT_NE(reason(in_term(term, AppendReply{})), "");
    EXPECT_NE(reason(in_term(term, StartSeen{Incarnation(1), 1})), "");
    EXPECT_NE(reason(in_term(term, Started{})), "");
  }
}

TEST(Plausible, TheFirstTermIsWhatLaterOnesAreMeasuredFrom) {
  EXPECT_EQ(term_base(Term(), Term()), Term());
  EXPECT_EQ(term_base(Term(), Term(3)), Term(3));
  EXPECT_EQ(term_base(Term(3), Term(1000)), Term(3));
  EXPECT_EQ(term_base(Term(1000), Term(3)), Term(3));  // it was lied to, and came back
  EXPECT_EQ(term_base(Term(1000), Term()), Term());
}

TEST(Plausible, NobodyIsElectedInTermZero) {
  EXPECT_NE(reason(in_term(0, VoteRequest{})), "");
  EXPECT_NE(reason(in_term(0, AppendRequest{})), "");
  EXPECT_NE(reason(in_term(0, SnapshotOffer{{Index(9), Term(3), members()}})), "");
  EXPECT_NE(reason(in_term(0, TimeoutNow{})), "");
  EXPECT_NE(reason(in_term(0, ReadIndexRequest{1})), "");
}

TEST(Plausible, MessagesAreBetweenTwoMembers) {
  Message message = in_term(7, TimeoutNow{});
  message.from = NodeId();
  EXPECT_NE(reason(message), "");
  message.from = message.to;
  EXPECT_NE(reason(message), "");
  message.from = NodeId(1);
  message.to = NodeId();
  EXPECT_NE(reason(message), "");
}

TEST(Plausible, CountsStayBelowTheirLimit) {
  using A = AppendRequest;
  EXPECT_NE(changed<A>(append(), [](A* a) { a->commit = Index(kHuge); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->read_round = kHuge; }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->acknowledged = Index(kHuge); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->state_index = Index(std::uint64_t{1} << 62); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->state_asked = Index(kHuge); }), "");
  using R = AppendReply;
  EXPECT_NE(changed<R>({}, [](R* r) { r->match = Index(kHuge); }), "");
  EXPECT_NE(changed<R>({}, [](R* r) { r->hint = Index(kHuge); }), "");
  EXPECT_NE(changed<R>({}, [](R* r) { r->read_round = kHuge; }), "");
  EXPECT_NE(changed<R>({}, [](R* r) { r->state_index = Index(kHuge); }), "");
  EXPECT_NE(changed<SnapshotReply>({}, [](SnapshotReply* r) { r->index = Index(kHuge); }), "");
  EXPECT_NE(changed<ReadIndexRequest>({}, [](ReadIndexRequest* r) { r->id = kHuge; }), "");
  EXPECT_NE(changed<ReadIndexReply>({}, [](ReadIndexReply* r) { r->id = kHuge; }), "");
  EXPECT_NE(changed<ReadIndexReply>({}, [](ReadIndexReply* r) { r->index = Index(kHuge); }), "");
  EXPECT_NE(changed<StartSeen>({Incarnation(1), 1}, [](StartSeen* s) { s->incarnation = {}; }), "");
  EXPECT_NE(changed<StartSeen>({Incarnation(1), 1}, [](StartSeen* s) { s->start = kHuge; }), "");
  const StartSeen met{Incarnation(1), 1, {{NodeId(2), Incarnation(3), 4}}};
  EXPECT_NE(changed<StartSeen>(met, [](StartSeen* s) { s->met[0].start = kHuge; }), "");
  EXPECT_NE(changed<StartSeen>(met, [](StartSeen* s) { s->met[0].id = {}; }), "");
  EXPECT_NE(changed<StartSeen>(met, [](StartSeen* s) { s->met[0].incarnation = {}; }), "");
  EXPECT_NE(changed<Started>({}, [](Started* s) { s->follows = kHuge; }), "");
  Message message = in_term(7, TimeoutNow{});
  message.life.incarnation = {};
  EXPECT_NE(reason(message), "");
  message.life = {Incarnation(9), std::uint64_t{1} << 39, true};  // there would soon be no later one
  EXPECT_NE(reason(message), "");
}

TEST(Plausible, PreviousIndexAndEntriesDoNotWrap) {
  for (const std::uint64_t prev : {kHuge, kHuge - 2, (std::uint64_t{1} << 62) - 3}) {
    AppendRequest request = append();
    request.prev_index = Index(prev);
    for (std::size_t i = 0; i < request.entries.size(); ++i) request.entries[i].index = Index(prev + i + 1);
    EXPECT_NE(reason(in_term(7, request)), "") << prev;
  }
}

TEST(Plausible, EntriesFollowOneAnother) {
  using A = AppendRequest;
  EXPECT_NE(changed<A>(append(), [](A* a) { a->entries[1].index = Index(11); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->entries[0].index = Index(12); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->entries[0].term = Term(3); }), "");  // before prev_term
  EXPECT_NE(changed<A>(append(), [](A* a) { a->entries[2].term = Term(6); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->entries[2].term = Term(8); }), "");  // after the message
  EXPECT_NE(changed<A>(append(), [](A* a) { a->prev_term = Term(8); }), "");
  EXPECT_NE(changed<A>(append(), [](A* a) { a->prev_term = Term(); }), "");
  const auto from_zero = [](A* a) {
    a->prev_index = Index();
    a->prev_term = Term();
    a->entries.resize(1);
    a->entries[0] = {Term(), Index(1), EntryType::noop, nullptr};
  };
  EXPECT_NE(changed<A>(append(), from_zero), "");
  Limits limits;
  limits.entries_max = 3;
  EXPECT_NE(changed<A>(
                append(),
                [](A* a) {
                  a->entries.push_back({Term(7), Index(14), EntryType::noop, nullptr});
                },
                limits),
            "");
}

TEST(Plausible, ALogEndsBeforeTheTermThatItsOwnerStandsFor) {
  const VoteRequest good{.last_index = Index(5), .last_term = Term(6)};
  using V = VoteRequest;
  EXPECT_NE(changed<V>(good, [](V* v) { v->last_term = Term(7); }), "");
  EXPECT_NE(changed<V>(good, [](V* v) { v->last_term = Term(); }), "");
  EXPECT_NE(changed<V>(good, [](V* v) { v->last_index = Index(); }), "");
  EXPECT_NE(changed<V>(good, [](V* v) { v->last_index = Index(kHuge); }), "");
  EXPECT_NE(changed<AppendReply>({}, [](AppendReply* r) { r->hint_term = Term(8); }), "");
}

TEST(Plausible, ABallotIsSortedAndNamesMembers) {
  VoteRequest good{.last_index = {}, .last_term = {}};
  good.form = true;
  good.ballot = {{NodeId(1), Incarnation(8)}, {NodeId(2), Incarnation(7)}};
  using V = VoteRequest;
  EXPECT_NE(changed<V>(good, [](V* v) { v->ballot[1].id = NodeId(1); }), "");
  EXPECT_NE(changed<V>(good, [](V* v) { v->ballot[0].id = NodeId(3); }), "");
  EXPECT_NE(changed<V>(good, [](V* v) { v->ballot[0].id = NodeId(); }), "");
  Limits limits;
  limits.members_max = 2;
  EXPECT_NE(changed<V>(
                good,
                [](V* v) {
                  v->ballot.push_back({NodeId(3), {}});
                },
                limits),
            "");
}

TEST(Plausible, ConfigurationsAreWhatACoreCanHave) {
  const Members joint{.voters = {NodeId(1), NodeId(2)},
                      .voters_old = {NodeId(2), NodeId(3)},
                      .learners = {NodeId(4)},
                      .learners_next = {NodeId(3)},
                      .auto_leave = true,
                      .incarnations = {{NodeId(1), Incarnation(5)}, {NodeId(2), Incarnation(5)}},
                      .about = {{NodeId(1), "one"}, {NodeId(3), std::string(Limits().about_bytes_max, 'x')}}};
  const auto with = [&](const std::function<void(Members*)>& change) {
    return changed<SnapshotOffer>({{Index(9), Term(7), joint}},
                                  [&](SnapshotOffer* offer) { change(&offer->meta.members); });
  };
  EXPECT_NE(with([](Members* m) { m->voters.clear(); }), "");
  EXPECT_NE(with([](Members* m) { m->voters = {NodeId(2), NodeId(1)}; }), "");
  EXPECT_NE(with([](Members* m) { m->voters = {NodeId(1), NodeId(1)}; }), "");
  EXPECT_NE(with([](Members* m) { m->voters = {NodeId(0), NodeId(1)}; }), "");
  EXPECT_NE(with([](Members* m) { m->learners = {NodeId(2)}; }), "");
  EXPECT_NE(with([](Members* m) { m->learners_next = {NodeId(1)}; }), "");
  EXPECT_NE(with([](Members* m) { m->voters_old.clear(); }), "");
  EXPECT_NE(with([](Members* m) { m->incarnations[1].id = NodeId(1); }), "");
  EXPECT_NE(with([](Members* m) { m->incarnations[0].id = NodeId(); }), "");
  EXPECT_EQ(with([](Members*) {}), "");
  EXPECT_NE(with([](Members* m) { m->about[1].text += 'x'; }), "");
  EXPECT_NE(with([](Members* m) { m->about[1].id = NodeId(5); }), "");
  EXPECT_NE(with([](Members* m) {
              for (std::uint64_t id = 10; id < 2000; ++id) m->learners.push_back(NodeId(id));
            }),
            "");
  // The same within an entry, and what cannot be read at all.
  AppendRequest request = append();
  request.entries[1].data = encode(Members{});
  EXPECT_NE(reason(in_term(7, request)), "");
  request.entries[1].data = nullptr;
  EXPECT_NE(reason(in_term(7, request)), "");
}

TEST(Plausible, ASnapshotIsOfSomething) {
  const SnapshotOffer good{{Index(9), Term(7), members()}};
  using S = SnapshotOffer;
  EXPECT_NE(changed<S>(good, [](S* s) { s->meta.index = {}; }), "");
  EXPECT_NE(changed<S>(good, [](S* s) { s->meta.index = Index(kHuge); }), "");
  EXPECT_NE(changed<S>(good, [](S* s) { s->meta.term = {}; }), "");
  EXPECT_NE(changed<S>(good, [](S* s) { s->meta.term = Term(1001); }), "");
}

TEST(Plausible, NoIncarnationStartsSoOftenThatItsCountEnds) {
  Limits limits;
  limits.starts_max = 5;  // the sender of these is in its third
  const auto follows = [&](std::uint64_t count) {
    return reason(in_term(7, Started{kHuge << raft::kStartCountBits | count}), limits);
  };
  EXPECT_EQ(follows(4), "");
  EXPECT_NE(follows(5).find("start number 5"), std::string::npos) << follows(5);
  limits.starts_max = 3;
  EXPECT_NE(follows(2).find("start number 3"), std::string::npos) << follows(2);
}

TEST(TermCeiling, OfAMemberWithoutATermIsAnother) {
  Limits limits;
  limits.term_jump_first_max = 20;
  limits.term_jump_max = 10;
  limits.terms_per_second_max = 1;
  EXPECT_EQ(term_ceiling(limits, Term{}, Duration{}), Term(20 + 1));
  EXPECT_EQ(term_ceiling(limits, Term{}, std::chrono::seconds(3)), Term(20 + 4));
  EXPECT_EQ(term_ceiling(limits, Term{1}, Duration{}), Term(1 + 10 + 1));
}

TEST(TermCeiling, RisesFasterThanAnyClusterElectsAndNeverWraps) {
  const Limits limits;
  const auto at = [&](std::uint64_t own, std::int64_t seconds) {
    return term_ceiling(limits, Term(own), std::chrono::seconds(seconds)).v;
  };
  EXPECT_EQ(at(5, 0), 5 + limits.term_jump_max + limits.terms_per_second_max);
  EXPECT_EQ(at(5, 60) - at(5, 0), 60 * limits.terms_per_second_max);
  EXPECT_EQ(at(5, -60), at(5, 0));
  // Who has no term, because it is new or has lost it, may find a cluster that a liar has pushed.
  EXPECT_GT(at(0, 0), at(1000 * limits.term_jump_max, 0));
  EXPECT_EQ(at(kHuge, 0), limits.count_max);
  EXPECT_LT(at(limits.count_max / 2, 1000000000), limits.count_max);
}

}  // namespace
}  // namespace cairn::peer
