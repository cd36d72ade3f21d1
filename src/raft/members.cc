#include "raft/members.h"

#include <algorithm>

#include "base/codec.h"

namespace cairn::raft {
namespace {

constexpr std::uint8_t kVersion = 4;

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

void insert(std::vector<NodeId>* sorted, NodeId node) {
  const auto at = std::lower_bound(sorted->begin(), sorted->end(), node);
  if (at == sorted->end() || *at != node) sorted->insert(at, node);
}

void erase(std::vector<NodeId>* sorted, NodeId node) {
  const auto at = std::lower_bound(sorted->begin(), sorted->end(), node);
  if (at != sorted->end() && *at == node) sorted->erase(at);
}

void remove(Members* members, NodeId node) {
  erase(&members->voters, node);
  erase(&members->learners, node);
  erase(&members->learners_next, node);
}

void make_learner(Members* members, NodeId node) {
  remove(members, node);
  // A voter of the old half keeps its vote until the joint configuration is left; one cannot be both
  // meanwhile.
  insert(contains(members->voters_old, node) ? &members->learners_next : &members->learners, node);
}

// Nothing is kept of who has left. Who is still a voter of the old half is there until the joint
// configuration is left.
void drop_strangers(Members* members) {
  const auto left = [members](const auto& each) { return !is_member(*members, each.id); };
  std::erase_if(members->incarnations, left);
  std::erase_if(members->about, left);
}

// Applies the changes to the new half; false when no voter is left.
bool apply(Members* members, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    if (change.node.v == 0) continue;
    switch (change.kind) {
      case Change::Kind::voter:
        remove(members, change.node);
        insert(&members->voters, change.node);
        break;
      case Change::Kind::learner:
        make_learner(members, change.node);
        break;
      case Change::Kind::remove:
        remove(members, change.node);
        break;
      case Change::Kind::update:
        break;
    }
  }
  drop_strangers(members);
  return !members->voters.empty();
}

// In lists that are sorted by id.
template <class Each>
const Each* look_up(const std::vector<Each>& list, NodeId id) {
  const auto at = std::find_if(list.begin(), list.end(), [id](const Each& each) { return each.id == id; });
  return at == list.end() ? nullptr : &*at;
}

template <class Each>
void put_in(std::vector<Each>* list, const Each& value) {
  const auto at = std::lower_bound(list->begin(), list->end(), value,
                                   [](const Each& a, const Each& b) { return a.id < b.id; });
  if (at != list->end() && at->id == value.id) {
    *at = value;
  } else {
    list->insert(at, value);
  }
}

std::size_t difference(const std::vector<NodeId>& a, const std::vector<NodeId>& b) {
  std::vector<NodeId> only;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
  return only.size();
}

void sort_unique(std::vector<NodeId>* nodes) {
  std::sort(nodes->begin(), nodes->end());
  nodes->erase(std::unique(nodes->begin(), nodes->end()), nodes->end());
}

// Sorted, each once, nobody missing.
bool take_list(codec::Reader* from, std::vector<NodeId>* list) {
  const auto count = from->fixed_count<std::uint32_t>(sizeof(std::uint64_t));
  for (std::uint32_t i = 0; i < count; ++i) {
    const NodeId node{from->fixed<std::uint64_t>()};
    if (node.v == 0 || (!list->empty() && list->back() >= node)) return false;
    list->push_back(node);
  }
  return from->ok();
}

bool take_incarnations(codec::Reader* from, std::vector<Recorded>* list) {
  constexpr std::size_t kBytes = 21;
  const auto count = from->fixed_count<std::uint32_t>(kBytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    const NodeId node{from->fixed<std::uint64_t>()};
    const Incarnation incarnation{from->fixed<std::uint64_t>()};
    const bool founding = from->flag();
    const auto number = from->fixed<std::uint32_t>();
    if (!from->ok() || node.v == 0 || incarnation.v == 0) return false;
    if (!list->empty() && list->back().id >= node) return false;
    list->push_back({node, incarnation, founding, number});
  }
  return from->ok();
}

bool take_about(codec::Reader* from, std::vector<About>* list) {
  constexpr std::size_t kBytesMin = 12;
  const auto count = from->fixed_count<std::uint32_t>(kBytesMin);
  for (std::uint32_t i = 0; i < count; ++i) {
    const NodeId node{from->fixed<std::uint64_t>()};
    const std::string_view text = from->bytes(from->fixed<std::uint32_t>());
    if (!from->ok() || node.v == 0) return false;
    if (!list->empty() && list->back().id >= node) return false;
    list->push_back({node, std::string(text)});
  }
  return from->ok();
}

}  // namespace

std::string_view describe(ChangeError error) {
  switch (error) {
    case ChangeError::no_voters:
      return "removed all voters";
    case ChangeError::zero_voters:
      return "can't make a zero-voter config joint";
    case ChangeError::already_joint:
      return "config is already joint";
    case ChangeError::not_joint:
      return "can't leave a non-joint config";
    case ChangeError::simple_in_joint:
      return "can't apply simple config change in joint config";
    case ChangeError::too_many_voters:
      return "more than one voter changed without entering joint config";
    case ChangeError::overlap:
      return "a member cannot be voter and learner at once";
    case ChangeError::stranger:
      return "something is said about who is no member";
    case ChangeError::too_long:
      return "more is said about a member than a configuration takes";
  }
  return "unknown";
}

Changed simple_change(const Members& from, const std::vector<Change>& changes) {
  if (is_joint(from)) return ChangeError::simple_in_joint;
  Members to = from;
  if (!apply(&to, changes)) return ChangeError::no_voters;
  if (difference(from.voters, to.voters) > 1) return ChangeError::too_many_voters;
  return to;
}

Changed enter_joint(const Members& from, const std::vector<Change>& changes, bool auto_leave) {
  if (is_joint(from)) return ChangeError::already_joint;
  if (from.voters.empty()) return ChangeError::zero_voters;
  Members to = from;
  to.voters_old = from.voters;
  to.auto_leave = auto_leave;
  if (!apply(&to, changes)) return ChangeError::no_voters;
  return to;
}

Changed leave_joint(const Members& from) {
  if (!is_joint(from)) return ChangeError::not_joint;
  Members to = from;
  for (const NodeId node : from.learners_next) insert(&to.learners, node);
  to.learners_next.clear();
  to.voters_old.clear();
  to.auto_leave = false;
  drop_strangers(&to);
  return to;
}

Changed change_towards(const Members& from, std::vector<NodeId> voters, std::vector<NodeId> learners,
                       const std::vector<About>& about) {
  sort_unique(&voters);
  sort_unique(&learners);
  std::vector<Change> changes;
  for (const NodeId node : all_members(from)) {
    if (!contains(voters, node) && !contains(learners, node)) changes.push_back({Change::Kind::remove, node});
  }
  for (const NodeId node : voters) {
    if (contains(learners, node) || node.v == 0) return ChangeError::overlap;
    if (!contains(from.voters, node)) changes.push_back({Change::Kind::voter, node});
  }
  for (const NodeId node : learners) {
    if (!contains(from.learners, node)) changes.push_back({Change::Kind::learner, node});
  }
  const bool simple = difference(from.voters, voters) <= 1;
  Changed next = simple ? simple_change(from, changes) : enter_joint(from, changes, true);
  auto* to = std::get_if<Members>(&next);
  for (std::size_t i = 0; to != nullptr && i < about.size(); ++i) {
    if (!is_member(*to, about[i].id)) return ChangeError::stranger;
    describe(to, about[i]);
  }
  return next;
}

bool is_voter(const Members& members, NodeId node) {
  return contains(members.voters, node) || contains(members.voters_old, node);
}

bool is_member(const Members& members, NodeId node) {
  return is_voter(members, node) || contains(members.learners, node) || contains(members.learners_next, node);
}

std::vector<NodeId> all_members(const Members& members) {
  std::vector<NodeId> all = members.voters;
  all.insert(all.end(), members.voters_old.begin(), members.voters_old.end());
  all.insert(all.end(), members.learners.begin(), members.learners.end());
  all.insert(all.end(), members.learners_next.begin(), members.learners_next.end());
  sort_unique(&all);
  return all;
}

const Recorded* recorded(const Members& members, NodeId node) { return look_up(members.incarnations, node); }

void record(Members* members, const Recorded& record) { put_in(&members->incarnations, record); }

void found(Members* members, const std::vector<Recorded>& ballot) {
  std::uint64_t mixed = 0xcbf29ce484222325;  // FNV-1a: incarnations are random already
  for (const Recorded& founder : ballot) {
    record(members, founder);
    for (const std::uint64_t each : {founder.id.v, founder.incarnation.v})
      mixed = (mixed ^ each) * 0x100000001b3;
  }
  members->founded = mixed | 1;
}

const About* about(const Members& members, NodeId node) { return look_up(members.about, node); }

void describe(Members* members, const About& about) { put_in(&members->about, about); }

Bytes encode(const Members& members) {
  std::string out;
  codec::put_fixed(&out, kVersion);
  codec::put_flag(&out, members.auto_leave);
  for (const auto* list : {&members.voters, &members.voters_old, &members.learners, &members.learners_next}) {
    codec::put_fixed(&out, static_cast<std::uint32_t>(list->size()));
    for (const NodeId node : *list) codec::put_fixed(&out, node.v);
  }
  codec::put_fixed(&out, static_cast<std::uint32_t>(members.incarnations.size()));
  for (const Recorded& each : members.incarnations) {
    codec::put_fixed(&out, each.id.v);
    codec::put_fixed(&out, each.incarnation.v);
    codec::put_flag(&out, each.founding);
    codec::put_fixed(&out, each.number);
  }
  codec::put_fixed(&out, static_cast<std::uint32_t>(members.about.size()));
  for (const About& each : members.about) {
    codec::put_fixed(&out, each.id.v);
    codec::put_fixed(&out, static_cast<std::uint32_t>(each.text.size()));
    out.append(each.text);
  }
  codec::put_fixed(&out, members.founded);
  return make_bytes(std::move(out));
}

std::optional<Members> decode_members(std::string_view data) {
  codec::Reader from(data);
  const auto version = from.fixed<std::uint8_t>();
  Members members;
  members.auto_leave = from.flag();
  if (!from.ok() || version < 1 || version > kVersion) return std::nullopt;
  for (auto* list : {&members.voters, &members.voters_old, &members.learners, &members.learners_next}) {
    if (!take_list(&from, list)) return std::nullopt;
  }
  if (version > 1 && !take_incarnations(&from, &members.incarnations)) return std::nullopt;
  if (version > 2 && !take_about(&from, &members.about)) return std::nullopt;
  if (version > 3) members.founded = from.fixed<std::uint64_t>();
  if (!from.complete()) return std::nullopt;
  return members;
}

}  // namespace cairn::raft
