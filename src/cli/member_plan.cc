#include "cli/member_plan.h"

#include <algorithm>

#include "cli/context.h"
#include "cli/repeat.h"

namespace cairn::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

std::size_t votes(const client::Member& member) { return member.learner ? 0 : 1; }

}  // namespace

std::optional<Machine> machine_of(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || text.find(',') < at) return std::nullopt;
  Machine machine{text.substr(0, at), split(text.substr(at + 1), ',')};
  const bool are_urls = std::all_of(machine.peer_urls.begin(), machine.peer_urls.end(), [](const auto& url) {
    return (url.starts_with("http://") || url.starts_with("https://")) && url.find('=') == std::string::npos;
  });
  if (machine.peer_urls.empty() || !are_urls) return std::nullopt;
  return machine;
}

Members called(const Members& members, const std::string& who) {
  Members found;
  for (const client::Member& each : members)
    if (each.id == who || (!who.empty() && each.name == who)) found.push_back(each);
  return found;
}

std::optional<client::Member> reached_at(const Members& members, const std::vector<std::string>& peer_urls) {
  for (const client::Member& each : members)
    for (const std::string& url : each.peer_urls)
      if (std::find(peer_urls.begin(), peer_urls.end(), url) != peer_urls.end()) return each;
  return std::nullopt;
}

std::string name_or_id(const client::Member& member) { return member.name.empty() ? member.id : member.name; }

std::size_t voters_of(const Members& members) {
  return static_cast<std::size_t>(
      std::count_if(members.begin(), members.end(), [](const auto& each) { return !each.learner; }));
}

std::string tolerance(std::size_t voters) {
  const std::size_t failures = voters == 0 ? 0 : (voters - 1) / 2;
  return std::to_string(voters) + (voters == 1 ? " member" : " members") + ", tolerates " +
         std::to_string(failures) + (failures == 1 ? " failure" : " failures");
}

std::string plan_of_adding(const Members& members, const std::string& name, bool learner) {
  const std::size_t voters = voters_of(members);
  if (learner)
    return "adding " + name + " as a learner leaves " + tolerance(voters) +
           "; it does not vote before it is promoted";
  return "adding " + name + " makes " + tolerance(voters + 1) + "; it votes once it has caught up";
}

std::string plan_of_removing(const Members& members, const client::Member& member) {
  return "removing " + name_or_id(member) + (member.learner ? ", a learner," : "") + " leaves " +
         tolerance(voters_of(members) - votes(member));
}

std::string plan_of_promoting(const Members& members, const client::Member& member) {
  return "promoting " + name_or_id(member) + " makes " +
         tolerance(voters_of(members) + (member.learner ? 1 : 0));
}

std::string plan_of_updating(const Members& members, const client::Member& member, const Machine& to) {
  return "updating " + name_or_id(member) + ": the others reach it at " + joined(to.peer_urls) +
         " instead of " + joined(member.peer_urls) + "; leaves " + tolerance(voters_of(members));
}

std::string plan_of_replacing(const Members& members, const std::optional<client::Member>& old,
                              const std::string& old_name, const Machine& by) {
  const std::optional<client::Member> there = reached_at(members, by.peer_urls);
  std::string steps;
  const auto step = [&steps](const std::string& what) { steps += (steps.empty() ? "" : ", then ") + what; };
  if (!there) step(by.name + " joins as a learner");
  if (!there || there->learner) step("it is promoted once it has caught up");
  if (old) step(name_or_id(*old) + " is removed");
  if (steps.empty()) steps = "all of it is done";
  const std::size_t voters =
      voters_of(members) - (old ? votes(*old) : 0) + (there && !there->learner ? 0 : 1);
  return "replacing " + old_name + " by " + by.name + ": " + steps + "; leaves " + tolerance(voters);
}

std::string start_line(const Members& members, const Machine& machine) {
  std::string cluster;
  for (const client::Member& each : members) {
    if (reached_at({each}, machine.peer_urls)) continue;
    for (const std::string& url : each.peer_urls) cluster += name_or_id(each) + "=" + url + ",";
  }
  for (const std::string& url : machine.peer_urls)
    cluster += machine.name + "=" + url + (url == machine.peer_urls.back() ? "" : ",");
  const std::string urls = shell_quoted(joined(machine.peer_urls));
  return "cairn server --name " + shell_quoted(machine.name) + " --listen-peer-urls " + urls +
         " --initial-advertise-peer-urls " + urls + " --initial-cluster " + shell_quoted(cluster) +
         " --initial-cluster-state existing";
}

}  // namespace cairn::cli
