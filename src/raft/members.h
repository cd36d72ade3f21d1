// Membership changes as pure functions from one configuration to the next (thesis 4.1, 4.3), and the form in
// which a configuration travels inside an entry of type `members`.
//
// A configuration takes effect when its entry is in the log, committed or not (thesis 4.1). A change of at
// most one voter is one entry; a larger one goes through a joint configuration, in which a decision needs a
// majority of the old voters and one of the new.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "raft/types.h"

namespace cairn::raft {

struct Change {
  enum class Kind : std::uint8_t { voter, learner, remove, update };  // update: nothing about the membership
  Kind kind = Kind::voter;
  NodeId node;
};

enum class ChangeError : std::uint8_t {
  no_voters,        // nobody would be left to decide
  zero_voters,      // a joint configuration needs voters to begin with
  already_joint,    // one change at a time
  not_joint,        // nothing to leave
  simple_in_joint,  // leave the joint configuration first
  too_many_voters,  // more than one voter changes: needs a joint configuration
  overlap,          // a member is both voter and learner
  stranger,         // something is said about who is no member
  too_long,         // more is said about one than fits: Config::about_bytes_max
};
std::string_view describe(ChangeError error);

using Changed = std::variant<Members, ChangeError>;

Changed simple_change(const Members& from, const std::vector<Change>& changes);
Changed enter_joint(const Members& from, const std::vector<Change>& changes, bool auto_leave);
Changed leave_joint(const Members& from);
// The next configuration on the way to exactly these voters and learners: simple if that is enough, else
// joint. `about` replaces what was said of these members; what it does not name stays as it is.
Changed change_towards(const Members& from, std::vector<NodeId> voters, std::vector<NodeId> learners,
                       const std::vector<About>& about = {});

bool is_voter(const Members& members, NodeId node);  // of either half
bool is_member(const Members& members, NodeId node);
inline bool is_joint(const Members& members) { return !members.voters_old.empty(); }
// Every member once, in order.
std::vector<NodeId> all_members(const Members& members);

// The incarnation that the configuration records of the node; nothing if none.
const Recorded* recorded(const Members& members, NodeId node);
void record(Members* members, const Recorded& record);  // replaces an older one
// These are the members that found the cluster, in the order of their ids.
void found(Members* members, const std::vector<Recorded>& ballot);
// What is said of the node; nothing if nothing.
const About* about(const Members& members, NodeId node);
void describe(Members* members, const About& about);  // replaces an older one

// Byte 0 is the version (4), byte 1 auto_leave, then for voters, voters_old, learners, learners_next a 32-bit
// count and 64-bit ids; last a 32-bit count of incarnations, each a 64-bit id, 64 bits of incarnation and a
// byte that is 1 for a founding one, and 32 bits of number; then a 32-bit count of texts about members, each
// a 64-bit id, a 32-bit length and so many bytes; at the end 64 bits of founded. All little-endian. Nothing
// follows. Version 1 ends before the incarnations, version 2 behind them, version 3 before founded.
Bytes encode(const Members& members);
// Nothing for bytes that encode() cannot have produced: a wrong length, ids unsorted or repeated.
std::optional<Members> decode_members(std::string_view data);

}  // namespace cairn::raft
