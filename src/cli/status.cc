// status and members: the cluster in words and in one table.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <ostream>
#include <utility>

#include "cli/ask_all.h"
#include "cli/commands.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

struct Seen {
  std::map<std::string, client::Status> by_id;
  std::vector<client::Error> failed;
};

void ask(const Context& context, const std::vector<std::string>& endpoints, Seen* seen) {
  for (const auto& status : ask_all(endpoints, context.timeout)) {
    if (status)
      seen->by_id.emplace(status->id, *status);
    else
      seen->failed.push_back(status.error());
  }
}

// Asks the endpoints given, then every member that these know of.
Seen look_around(const Context& context) {
  Seen seen;
  ask(context, context.endpoints, &seen);
  if (seen.by_id.empty()) return seen;
  std::vector<std::string> others;
  for (const client::Member& member : seen.by_id.begin()->second.members) {
    if (seen.by_id.count(member.id) != 0 || member.client_urls.empty()) continue;
    const std::string& url = member.client_urls.front();
    const bool asked =
        std::any_of(seen.failed.begin(), seen.failed.end(), [&](const auto& e) { return e.endpoint == url; });
    if (!asked) others.push_back(url);
  }
  ask(context, others, &seen);
  return seen;
}

const client::Status& best_informed(const Seen& seen) {
  for (const auto& [id, status] : seen.by_id)
    if (status.role == "leader") return status;
  return seen.by_id.begin()->second;
}

std::string behind(const client::Status& best, const std::string& id) {
  for (const client::Follower& follower : best.followers)
    if (follower.id == id && follower.behind_entries)
      return std::to_string(*follower.behind_entries) + " entries";
  return "-";
}

// Who stays behind, each with the reason.
std::vector<std::pair<std::string, std::string>> stuck_members(const client::Status& best) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const client::Follower& follower : best.followers) {
    if (follower.stuck.empty()) continue;
    std::string name = follower.id;
    for (const client::Member& member : best.members)
      if (member.id == follower.id && !member.name.empty()) name = member.name;
    out.emplace_back(std::move(name), follower.stuck);
  }
  return out;
}

std::string in_units(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; number >= 1024 && unit + 1 < std::size(kUnits); ++unit) number /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit > 0 && number < 10 ? "%.1f %s" : "%.0f %s", number, kUnits[unit]);
  return text;
}

Json status_to_json(const client::Status& status) {
  return {{"endpoint", status.endpoint},
          {"name", status.name},
          {"id", status.id},
          {"role", status.role},
          {"leader", status.leader_name},
          {"term", status.term},
          {"commit_index", status.commit_index},
          {"applied_index", status.applied_index},
          {"revision", status.revision},
          {"keys", status.keys},
          {"size_bytes", status.size_bytes},
          {"size_in_use_bytes", status.size_in_use_bytes},
          {"log_space", status.log_space},
          {"version", status.version}};
}

void print_json(const Context& context, const Seen& seen, bool healthy) {
  Json body = {{"healthy", healthy}, {"summary", best_informed(seen).summary}, {"members", Json::array()}};
  for (const auto& [id, status] : seen.by_id) body["members"].push_back(status_to_json(status));
  Json& stuck = body["stuck"] = Json::array();
  for (const auto& [name, why] : stuck_members(best_informed(seen)))
    stuck.push_back({{"name", name}, {"cause", why}});
  Json& failed = body["unreachable"] = Json::array();
  for (const client::Error& error : seen.failed)
    failed.push_back({{"endpoint", error.endpoint}, {"cause", error.message}});
  context.out << body.dump() << "\n";
}

void print_table(const Context& context, const Seen& seen) {
  const client::Status& best = best_informed(seen);
  const std::uint64_t history = best.size_bytes - std::min(best.size_bytes, best.size_in_use_bytes);
  context.out << best.summary << "\nrevision " << best.revision << "   keys " << best.keys << "   data "
              << in_units(best.size_in_use_bytes) << "   history " << in_units(history) << "\n";
  std::vector<std::vector<std::string>> rows = {
      {"MEMBER", "ROLE", "TERM", "COMMIT", "APPLIED", "BEHIND", "CLIENT"}};
  std::vector<client::Member> members = best.members;
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const client::Member& member : members) {
    const std::string url = member.client_urls.empty() ? "-" : member.client_urls.front();
    const auto found = seen.by_id.find(member.id);
    if (found == seen.by_id.end()) {
      rows.push_back({member.name, "unreachable", "-", "-", "-", behind(best, member.id), url});
      continue;
    }
    const client::Status& status = found->second;
    const bool full = status.log_space == "low" || status.log_space == "none";
    rows.push_back({member.name, status.role + (full ? ", no room on disk" : ""), std::to_string(status.term),
                    std::to_string(status.commit_index), std::to_string(status.applied_index),
                    behind(best, member.id), url});
  }
  context.out << table(rows);
  for (const client::Error& error : seen.failed)
    context.out << error.endpoint << " does not answer: " << error.message << "\n";
  for (const auto& [name, why] : stuck_members(best))
    context.out << name << " is behind and cannot catch up: " << why << "\n";
}

}  // namespace

int status(const Context& context) {
  const Seen seen = look_around(context);
  if (seen.by_id.empty()) return report(context, seen.failed.front());
  const client::Status& best = best_informed(seen);
  // What one member says of itself is not enough: its leader says who of the others counts.
  const bool healthy = seen.failed.empty() && best.healthy.value_or(false) && stuck_members(best).empty();
  if (context.format == Format::json)
    print_json(context, seen, healthy);
  else
    print_table(context, seen);
  return healthy ? kExitOk : kExitNegative;
}

int members(const Context& context) {
  client::Client client = context.connect();
  const auto members = client.members();
  if (!members) return report(context, members.error());
  if (context.format == Format::json) {
    Json body = Json::array();
    for (const client::Member& each : *members)
      body.push_back({{"id", each.id},
                      {"name", each.name},
                      {"peer_urls", each.peer_urls},
                      {"client_urls", each.client_urls},
                      {"learner", each.learner},
                      {"leader", each.leader}});
    context.out << Json{{"members", body}}.dump() << "\n";
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "NAME", "ROLE", "PEER", "CLIENT"}};
  for (const client::Member& each : *members) {
    const std::string role = each.leader ? "leader" : each.learner ? "learner" : "follower";
    rows.push_back({each.id, each.name, role, each.peer_urls.empty() ? "-" : each.peer_urls.front(),
                    each.client_urls.empty() ? "-" : each.client_urls.front()});
  }
  context.out << table(rows);
  return kExitOk;
}

}  // namespace cairn::cli
