#include "node/waiting.h"

#include <vector>

namespace cairn::node {
namespace {

using raft::Standing;
using raft::Wait;

bool refuses(const Waiting& waiting, const raft::Waits::Voter& voter) {
  return voter.standing == Standing::silent && waiting.refused_by.contains(voter.id);
}

std::vector<std::string> names(const Waiting& waiting, Standing standing) {
  std::vector<std::string> found;
  for (const raft::Waits::Voter& voter : waiting.waits.others)
    if (voter.standing == standing && !refuses(waiting, voter)) found.push_back(waiting.name_of(voter.id));
  return found;
}

std::vector<std::string> refusing(const Waiting& waiting) {
  std::vector<std::string> found;
  for (const raft::Waits::Voter& voter : waiting.waits.others)
    if (refuses(waiting, voter)) found.push_back(waiting.name_of(voter.id));
  return found;
}

std::string joined(const std::vector<std::string>& words, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " " + last + " " : ", ") + words[i];
  return text;
}

// "n1 does not answer; n2 answers, but has forgotten ..."
std::string how_they_stand(const Waiting& waiting) {
  std::string text;
  const auto say_of = [&](const std::vector<std::string>& who, const char* one, const char* several) {
    if (who.empty()) return;
    text += (text.empty() ? "" : "; ") + joined(who, "and") + (who.size() == 1 ? one : several);
  };
  const auto say = [&](Standing standing, const char* one, const char* several) {
    say_of(names(waiting, standing), one, several);
  };
  say(Standing::silent, " does not answer", " do not answer");
  say_of(refusing(waiting), " refuses this member", " refuse this member");
  say(Standing::forgotten,
      " answers, but is new or has forgotten, and counts for nothing until a leader takes it in",
      " answer, but are new or have forgotten, and count for nothing until a leader takes them in");
  say(Standing::cannot_found, " answers, but was a member before and has forgotten",
      " answer, but were members before and have forgotten");
  say(Standing::other_founding, " answers, but with data of another founding of this cluster",
      " answer, but with data of another founding of this cluster");
  say(Standing::counts, " answers and counts", " answer and count");
  return text;
}

std::string about_itself(const Waiting& waiting) {
  if (waiting.full) return "";
  return std::string("this member ") +
         (waiting.waits.had_earlier_life ? "has forgotten what it may have promised"
                                         : "is new or has forgotten") +
         ", and counts for nothing until a leader takes it in; ";
}

std::string for_those_who_refuse(const Waiting& waiting) {
  const std::vector<std::string> away = names(waiting, Standing::silent);
  return "waits to be heard: " + about_itself(waiting) + how_they_stand(waiting) + ": " +
         (away.empty() ? "" : "start " + joined(away, "and") + ", and ") +
         "if this member was removed from the cluster, add it as a new one (cairn member add); if it was "
         "moved and "
         "has lost its directory, empty that and start it with --initial-cluster-state existing; else "
         "compare "
         "--initial-cluster, --initial-cluster-token and the peer URLs here and there: the logs there say "
         "which differs";
}

std::string for_voters(const Waiting& waiting) {
  const std::vector<std::string> away = names(waiting, Standing::silent);
  const bool some_are_enough = away.size() > waiting.waits.lacking;
  const std::string who = some_are_enough
                              ? std::to_string(waiting.waits.lacking) + " of " + joined(away, "and")
                              : joined(away, "and");
  return "waits for " + who + ", without whom there are too few for a leader: " + about_itself(waiting) +
         how_they_stand(waiting) + ": start " + joined(away, some_are_enough ? "or" : "and");
}

std::string for_those_who_know(const Waiting& waiting) {
  const std::vector<std::string> away = names(waiting, Standing::silent);
  return "waits for a majority that remembers what it promised, and too many have forgotten for one: " +
         about_itself(waiting) + how_they_stand(waiting) + ": " +
         (away.empty() ? "" : "start " + joined(away, "and") + ", and ") +
         "if a data directory of those that have forgotten still exists as it was when it was last in use, "
         "stop that member and put it back";
}

std::string for_own_founding(const Waiting& waiting) {
  const std::vector<std::string> away = names(waiting, Standing::silent);
  return "waits for a majority of its own founding of this cluster: " + about_itself(waiting) +
         how_they_stand(waiting) + ": " + (away.empty() ? "" : "start " + joined(away, "and") + "; ") +
         "a data directory, this member's or theirs, is left from an earlier cluster: stop the member "
         "whose it is, and empty that directory or put back the right one";
}

std::string for_founders(const Waiting& waiting) {
  const std::vector<std::string> away = names(waiting, Standing::silent);
  const std::vector<std::string> unable = names(waiting, Standing::cannot_found);
  if (!unable.empty())
    return "waits to form the cluster, or to be taken in by its leader if it has been formed already: " +
           how_they_stand(waiting) + ": if it has not, stop " + joined(unable, "and") +
           ", move the data directory away, and start with an empty one";
  return "waits for " + (away.empty() ? "an election" : joined(away, "and")) +
         " to form the cluster, which takes " + (waiting.by_majority ? "a majority" : "all") +
         " of its initial members; or, if it has been formed already, for its leader to take this member in";
}

std::string for_an_election(const Waiting& waiting) {
  const std::string own = waiting.disk_answers ? "" : "the disk of this member does not answer; ";
  return "waits for an election: " + own + about_itself(waiting) + how_they_stand(waiting);
}

}  // namespace

std::string in_words(const Waiting& waiting) {
  switch (waiting.waits.what) {
    case Wait::none:
      return "";
    case Wait::taken_in:
      return "waits for leader " + waiting.name_of(waiting.leader) + " to take this member in, which " +
             (waiting.waits.had_earlier_life ? "has forgotten what it may have promised"
                                             : "is new or has forgotten") +
             ", and counts for nothing till then";
    case Wait::first_entry:
      return "waits for the first entry of the new cluster to be durable here";
    case Wait::founders:
      return !refusing(waiting).empty() ? for_those_who_refuse(waiting) : for_founders(waiting);
    case Wait::membership:
      return "waits for a leader that has this member in its configuration";
    case Wait::election:
      return for_an_election(waiting);
    case Wait::voters:
      return !refusing(waiting).empty() ? for_those_who_refuse(waiting) : for_voters(waiting);
    case Wait::those_who_know:
      return for_those_who_know(waiting);
    case Wait::own_founding:
      return for_own_founding(waiting);
  }
  return "";
}

}  // namespace cairn::node
