#include "cli/demo_watch.h"

#include <algorithm>
#include <cstdio>

namespace cairn::cli {
namespace {

constexpr int kMissedMax = 2;  // one alone may be an unlucky moment of a busy machine

std::string in_seconds(DemoWatch::Clock::duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", std::chrono::duration<double>(time).count());
  return text;
}

}  // namespace

std::vector<std::string> DemoWatch::look(Clock::time_point now, const std::vector<Look>& members) {
  std::vector<std::string> lines;
  const bool succeeded = std::any_of(members.begin(), members.end(), [this](const Look& each) {
    return each.status && each.status->role == "leader" && each.status->term > leader_.term;
  });
  for (const Look& member : members) {
    // That another leads proves that it was no unlucky moment.
    const bool is_sure = succeeded && member.name == leader_.name;
    note_silence(now, member, is_sure ? 1 : kMissedMax, &lines);
  }
  note_leader(now, members, &lines);
  return lines;
}

void DemoWatch::note_silence(Clock::time_point now, const Look& member, int missed_max,
                             std::vector<std::string>* lines) {
  Seen& seen = seen_.try_emplace(member.name, Seen{.answered_at = now}).first->second;
  if (member.pid == 0) {  // whoever collects processes has said so; its next start begins anew
    seen = {.answered_at = now};
    return;
  }
  if (member.status) {
    if (seen.told)
      lines->push_back("ok  " + member.name + " answers again, after " + in_seconds(now - seen.answered_at));
    seen = {.answered_at = now};
    return;
  }
  if (++seen.missed < missed_max || seen.told) return;
  seen.told = true;
  const std::string what = member.name == leader_.name ? ", the leader, does not answer" : " does not answer";
  lines->push_back("!!  " + member.name + what + "; if it is stopped, this lets it go on: kill -CONT " +
                   std::to_string(member.pid));
}

// Of two that say they lead, the one of the later term does.
void DemoWatch::note_leader(Clock::time_point now, const std::vector<Look>& members,
                            std::vector<std::string>* lines) {
  const client::Status* leading = nullptr;
  bool is_there = false;
  for (const Look& member : members) {
    if (!member.status) continue;
    if (member.status->role == "leader" && (leading == nullptr || leading->term < member.status->term))
      leading = &*member.status;
    is_there = is_there || (member.name == leader_.name && member.status->role == "leader");
  }
  if (!is_there && !lost_at_) lost_at_ = now;
  if (leading == nullptr || leading->term < leader_.term) return;
  if (leading->term > leader_.term || leading->name != leader_.name)
    lines->push_back("ok  new leader: " + leading->name + ", term " + std::to_string(leading->term) +
                     (lost_at_ ? ", after " + in_seconds(now - *lost_at_) : ""));
  leader_ = *leading;
  lost_at_.reset();
}

}  // namespace cairn::cli
