#include "peer/plausible.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "raft/life.h"
#include "raft/members.h"

namespace cairn::peer {
namespace {

Status refuse(const std::string& what) {
  return fail(Code::invalid_argument, "no member says this: " + what);
}

struct Bound {
  const char* name;
  std::uint64_t value;
};

// Position zero is before the first entry, and nothing else has term zero.
bool fits(raft::Index index, raft::Term term) { return (index.v == 0) == (term.v == 0); }

bool sorted_ids(const std::vector<raft::NodeId>& ids) {
  return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end() &&
         (ids.empty() || ids.front().v != 0);
}

bool sorted_records(const std::vector<raft::Recorded>& records) {
  const auto out_of_order = [](const raft::Recorded& a, const raft::Recorded& b) { return a.id >= b.id; };
  return std::adjacent_find(records.begin(), records.end(), out_of_order) == records.end() &&
         (records.empty() || records.front().id.v != 0);
}

// raft/invariants.h, M1.
Status check_members(const raft::Members& members, const Limits& limits) {
  for (const auto* list : {&members.voters, &members.voters_old, &members.learners, &members.learners_next}) {
    if (list->size() > limits.members_max) return refuse("a configuration of more members than fit");
    if (!sorted_ids(*list)) return refuse("a list of members that is not sorted, or names nobody");
  }
  if (members.voters.empty()) return refuse("a configuration without a voter");
  if (raft::all_members(members).size() > limits.members_max)
    return refuse("a configuration of more members than fit");
  if (members.voters_old.empty() && (members.auto_leave || !members.learners_next.empty()))
    return refuse("a configuration that leaves a joint one without being joint");
  const auto votes = [&](raft::NodeId id) { return raft::is_voter(members, id); };
  const auto voted = [&](raft::NodeId id) {
    return std::binary_search(members.voters_old.begin(), members.voters_old.end(), id);
  };
  if (std::any_of(members.learners.begin(), members.learners.end(), votes))
    return refuse("a member that is voter and learner at once");
  if (!std::all_of(members.learners_next.begin(), members.learners_next.end(), voted))
    return refuse("a learner to be that does not vote in the old half");
  if (members.incarnations.size() > limits.members_max || !sorted_records(members.incarnations))
    return refuse("records of incarnations that are too many, not sorted, or of nobody");
  const auto out_of_place = [&](const raft::About& each) {
    return !raft::is_member(members, each.id) || each.text.size() > limits.about_bytes_max;
  };
  if (std::any_of(members.about.begin(), members.about.end(), out_of_place))
    return refuse("what is said of members is too much, or of one who is none");
  return {};
}

struct Check {
  const raft::Message& message;
  const Limits& limits;
  raft::Term ceiling;

  // Its high bits are random (raft/life.h); a count near its end would leave no later start.
  Status start(std::uint64_t number) const {
    if (raft::start_count(number) < limits.starts_max) return {};
    return refuse("start number " + std::to_string(raft::start_count(number)));
  }
  Status counts(std::initializer_list<Bound> bounds) const {
    for (const Bound& bound : bounds) {
      if (bound.value >= limits.count_max)
        return refuse(std::string(bound.name) + " of " + std::to_string(bound.value));
    }
    return {};
  }
  // Sent only by who has been elected, stands for election, or has been told of a leader.
  Status in_a_term() const {
    return message.term.v == 0 ? refuse("a term of 0 where one was won") : Status();
  }

  Status operator()(const raft::VoteRequest& body) const {
    TRY(in_a_term());
    TRY(counts({{"last index", body.last_index.v}}));
    if (!fits(body.last_index, body.last_term)) return refuse("a log that ends at index or term 0 alone");
    // Also of a pre-vote, which carries the term that is to be stood for.
    if (body.last_term >= message.term) return refuse("a log that ends later than the term it stands for");
    if (body.ballot.size() > limits.members_max || !sorted_records(body.ballot))
      return refuse("a ballot that is too long, not sorted, or of nobody");
    return {};
  }
  Status operator()(const raft::VoteReply&) const { return {}; }
  Status operator()(const raft::AppendRequest& body) const {
    TRY(in_a_term());
    TRY(counts({{"previous index", body.prev_index.v},
                {"commit", body.commit.v},
                {"read round", body.read_round},
                {"acknowledged index", body.acknowledged.v},
                {"state index", body.state_index.v},
                {"index of the state asked for", body.state_asked.v},
                {"last index", body.prev_index.v + body.entries.size()}}));
    if (!fits(body.prev_index, body.prev_term)) return refuse("a previous entry of index or term 0 alone");
    if (body.prev_term > message.term) return refuse("a previous entry later than the term");
    if (body.entries.size() > limits.entries_max) return refuse("more entries than fit");
    return entries(body);
  }
  Status entries(const raft::AppendRequest& body) const {
    raft::Index index = body.prev_index;
    raft::Term term = body.prev_term;
    for (const raft::Entry& entry : body.entries) {
      index = index.next();
      if (entry.index != index)
        return refuse("entry " + std::to_string(entry.index.v) + " in the place of " +
                      std::to_string(index.v));
      if (entry.term.v == 0 || entry.term < term || entry.term > message.term)
        return refuse("entry " + std::to_string(index.v) + " of term " + std::to_string(entry.term.v) +
                      " between terms " + std::to_string(term.v) + " and " + std::to_string(message.term.v));
      term = entry.term;
      if (entry.type != raft::EntryType::members) continue;
      const auto members = raft::decode_members(entry.data ? std::string_view(*entry.data) : "");
      if (!members) return refuse("entry " + std::to_string(index.v) + " with members that cannot be read");
      TRY(check_members(*members, limits));
    }
    return {};
  }
  Status operator()(const raft::AppendReply& body) const {
    TRY(counts({{"match", body.match.v},
                {"hint", body.hint.v},
                {"read round", body.read_round},
                {"state index", body.state_index.v}}));
    if (body.hint_term > message.term) return refuse("a hint later than the term");
    return {};
  }
  Status operator()(const raft::SnapshotOffer& body) const {
    TRY(in_a_term());
    TRY(counts({{"snapshot index", body.meta.index.v}}));
    if (body.meta.index.v == 0 || body.meta.term.v == 0) return refuse("a snapshot of nothing");
    // It may be newer than the offer, whose term is the message's: the newest one is what is streamed.
    if (body.meta.term > ceiling) return refuse("a snapshot of term " + std::to_string(body.meta.term.v));
    return check_members(body.meta.members, limits);
  }
  Status operator()(const raft::SnapshotReply& body) const { return counts({{"index", body.index.v}}); }
  Status operator()(const raft::TimeoutNow&) const { return in_a_term(); }
  Status operator()(const raft::ReadIndexRequest& body) const {
    TRY(in_a_term());
    return counts({{"read id", body.id}});
  }
  Status operator()(const raft::ReadIndexReply& body) const {
    return counts({{"read id", body.id}, {"read index", body.index.v}});
  }
  Status operator()(const raft::StartSeen& body) const {
    if (body.incarnation.v == 0) return refuse("a start of no incarnation");
    for (const raft::Met& each : body.met) {
      if (each.id.v == 0 || each.incarnation.v == 0) return refuse("a start that was met of nobody");
      TRY(start(each.start));
    }
    return start(body.start);
  }
  Status operator()(const raft::Started& body) const { return start(body.follows); }
};

}  // namespace

raft::Term term_ceiling(const Limits& limits, raft::Term own_at_start, Duration since_start) {
  const std::uint64_t jump = own_at_start.v == 0 ? limits.term_jump_first_max : limits.term_jump_max;
  const auto seconds = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(since_start).count()));
  // The first second is given in advance. Three parts of at most 2^62 do not wrap.
  const std::uint64_t later = limits.terms_per_second_max * (seconds + 1);
  const auto bounded = [&limits](std::uint64_t part) { return std::min(limits.count_max, part); };
  return raft::Term{bounded(bounded(own_at_start.v) + bounded(jump) + bounded(later))};
}

raft::Term term_base(raft::Term before, raft::Term now) {
  return before.v == 0 || now < before ? now : before;
}

Status plausible(const raft::Message& message, const Limits& limits, raft::Term ceiling) {
  const Check check{message, limits, ceiling};
  if (message.from.v == 0 || message.to.v == 0 || message.from == message.to)
    return refuse("a message from or to nobody, or to oneself");
  if (message.term > ceiling)
    return refuse("term " + std::to_string(message.term.v) + ", where no cluster gets beyond " +
                  std::to_string(ceiling.v) + " in the time that has passed");
  if (message.life.incarnation.v == 0) return refuse("a message of no incarnation");
  TRY(check.start(message.life.start));
  return std::visit(check, message.body);
}

}  // namespace cairn::peer
