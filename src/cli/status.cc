// status and members: the cluster in words and in one table.
#include <algorithm>
#include <chrono>
#include <map>
#include <ostream>
#include <utility>

#include "cli/ask_all.h"
#include "cli/commands.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

// What a member that hangs may cost whoever looks; a single request needs far less.
constexpr std::chrono::milliseconds kPatience{2000};
// Of the disk with a member's data: whoever has less left hears of it before writes are refused.
constexpr double kShortOfDisk = 0.05;

struct Seen {
  std::map<std::string, client::Status> by_id;  // of one cluster: that of the first who answered
  std::vector<client::Status> strangers;        // of another
  std::vector<client::Error> failed;
};

void ask(const Context& context, const std::vector<std::string>& endpoints, Seen* seen) {
  for (auto& status : ask_all(endpoints, std::min(context.timeout, kPatience), context.tls, context.user)) {
    if (!status)
      seen->failed.push_back(status.error());
    else if (!seen->by_id.empty() && seen->by_id.begin()->second.cluster_id != status->cluster_id)
      seen->strangers.push_back(*std::move(status));
    else
      seen->by_id.emplace(status->id, *std::move(status));
  }
}

const client::Status& best_informed(const Seen& seen) {
  for (const auto& [id, status] : seen.by_id)
    if (status.role == "leader") return status;
  return seen.by_id.begin()->second;
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
  if (seen.failed.empty()) return seen;
  // Who has been waited for in vain meanwhile may be missed by the others by now, or have led them.
  std::vector<std::string> answered;
  for (const auto& [id, status] : seen.by_id) answered.push_back(status.endpoint);
  for (auto& again : ask_all(answered, std::min(context.timeout, kPatience), context.tls, context.user))
    if (again && seen.by_id.count(again->id) != 0) seen.by_id[again->id] = *std::move(again);
  return seen;
}

bool has(const client::Member& member, const std::string& url) {
  return std::find(member.client_urls.begin(), member.client_urls.end(), url) != member.client_urls.end();
}

// "n2", or what else there is.
std::string name_of(const client::Status& best, const std::string& id) {
  for (const client::Member& member : best.members)
    if (member.id == id && !member.name.empty()) return member.name;
  return id;
}

std::string name_at(const client::Status& best, const std::string& url) {
  for (const client::Member& member : best.members)
    if (has(member, url)) return member.name.empty() ? member.id : member.name;
  return "";
}

std::string behind(const client::Status& best, const std::string& id) {
  for (const client::Follower& follower : best.followers)
    if (follower.id == id && follower.behind_entries)
      return std::to_string(*follower.behind_entries) + " entries";
  return "-";
}

std::string free_of(const client::Status& status) {
  if (!status.disk_free_bytes || !status.disk_total_bytes) return "-";
  return in_units(*status.disk_free_bytes) + " of " + in_units(*status.disk_total_bytes);
}

bool has_no_room(const client::Status& status) {
  return status.log_space == "low" || status.log_space == "none";
}

bool is_short_of_disk(const client::Status& status) {
  return status.disk_free_bytes && status.disk_total_bytes &&
         static_cast<double>(*status.disk_free_bytes) <
             kShortOfDisk * static_cast<double>(*status.disk_total_bytes);
}

// Of its quota so much is used that somebody should do something about it.
constexpr double kNearQuota = 0.8;
// Of what is used so much has to be history that a compaction is worth speaking of.
constexpr double kMuchHistory = 0.2;

std::uint64_t used_of(const client::Status& status) {
  return status.live_bytes.value_or(0) + status.history_bytes.value_or(0) +
         status.log_memory_bytes.value_or(0);
}

bool is_near_quota(const client::Status& status) {
  return status.quota_bytes &&
         static_cast<double>(used_of(status)) > kNearQuota * static_cast<double>(*status.quota_bytes);
}

bool is_much_of_it_history(const client::Status& status) {
  return static_cast<double>(status.history_bytes.value_or(0)) >
         kMuchHistory * static_cast<double>(used_of(status));
}

std::string how_to_use_less(const client::Status& status) {
  if (!is_much_of_it_history(status))
    return ", hardly any of it history: delete keys and compact, or start it with a larger "
           "--quota-backend-bytes";
  const std::string history = ", " + in_units(*status.history_bytes) + " of it history";
  if (status.compact_revision < status.revision)
    return history + ": a compaction would free that (etcdctl compaction " + std::to_string(status.revision) +
           ")";
  return history + " that has been compacted already, and is freed once nobody reads it any more: look again";
}

// Empty while there is nothing to do.
std::string remark_on_quota(const client::Status& status, bool alarmed) {
  if (!alarmed && !is_near_quota(status)) return "";
  std::string text = status.name + " uses " + in_units(used_of(status));
  if (status.quota_bytes) text += " of its quota of " + in_units(*status.quota_bytes);
  text += how_to_use_less(status);
  if (alarmed) text += "; writes are refused until the alarm is disarmed (etcdctl alarm disarm)";
  return text;
}

// Who stays behind, each with the reason.
std::vector<std::pair<std::string, std::string>> stuck_members(const client::Status& best) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const client::Follower& follower : best.followers)
    if (!follower.stuck.empty()) out.emplace_back(name_of(best, follower.id), follower.stuck);
  return out;
}

// Whom nobody can ask: it has not published where its clients reach it.
std::vector<std::string> without_address(const client::Status& best, const Seen& seen) {
  std::vector<std::string> out;
  for (const client::Member& member : best.members)
    if (member.client_urls.empty() && seen.by_id.count(member.id) == 0)
      out.push_back(name_of(best, member.id));
  return out;
}

// Who says of itself that it does not remember all that it has promised.
std::vector<std::string> not_counting(const Seen& seen) {
  std::vector<std::string> out;
  for (const auto& [id, status] : seen.by_id)
    if (!status.full) out.push_back(status.name);
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// What the table says that a leader does not who takes all for healthy: they were not asked at the same
// moment, nor by the same way. Empty: nothing.
std::string contradiction_of(const Seen& seen) {
  const client::Status& best = best_informed(seen);
  const std::string says = ", though leader " + best.name + " hears all members: ask again";
  if (const auto names = not_counting(seen); !names.empty())
    return joined(names) + (names.size() == 1 ? " does" : " do") + " not count yet" + says;
  if (const std::size_t count = seen.failed.size(); count > 0)
    return std::to_string(count) + (count == 1 ? " endpoint does" : " endpoints do") + " not answer here" +
           says + ", or look at the way there and at --advertise-client-urls";
  if (const auto names = without_address(best, seen); !names.empty())
    return joined(names) + (names.size() == 1 ? " has" : " have") + " not said yet where clients reach " +
           (names.size() == 1 ? "it" : "them") + says;
  return "";
}

// The leader's words, but for where they would contradict the table.
std::string summary_of(const Seen& seen) {
  const client::Status& best = best_informed(seen);
  if (!best.healthy.value_or(false)) return best.summary;
  const std::string contradiction = contradiction_of(seen);
  if (contradiction.empty()) return best.summary;
  return std::to_string(best.members.size()) + " members, " + contradiction;
}

// Who needs looking after, in words, and what to do; sorted.
std::vector<std::string> remarks_of(const Seen& seen) {
  const client::Status& best = best_informed(seen);
  std::vector<std::string> out;
  for (const client::Error& error : seen.failed) {
    const std::string name = name_at(best, error.endpoint);
    out.push_back((name.empty() ? error.endpoint : name + " at " + error.endpoint) +
                  " does not answer: " + error.message + "; see whether it runs, and its log");
  }
  for (const client::Status& stranger : seen.strangers)
    out.push_back(stranger.endpoint + " (" + stranger.name + ") is of another cluster, " +
                  stranger.cluster_id + ", than the others, which are of " + best.cluster_id +
                  ": compare --initial-cluster and --initial-cluster-token of its start with theirs");
  for (const auto& [name, why] : stuck_members(best))
    out.push_back(name + " is behind and cannot catch up: " + why);
  const auto lacks_room = [&seen](const std::string& id) {
    const auto found = seen.by_id.find(id);
    return found != seen.by_id.end() && has_no_room(found->second);
  };
  for (const client::Follower& follower : best.followers)
    if (follower.active && follower.behind && follower.stuck.empty() &&
        follower.behind_entries.value_or(0) > 0 && !lacks_room(follower.id))
      out.push_back(
          name_of(best, follower.id) + " is " + behind(best, follower.id) +
          " behind: it catches up by itself; if that does not shrink, look at its disk and its log");
  const std::vector<client::Alarm>& alarms = best.alarms;
  for (const client::Alarm& alarm : alarms) {
    if (alarm.name == "NOSPACE" && seen.by_id.count(alarm.member) != 0) continue;
    out.push_back("alarm " + alarm.name + " of " + name_of(best, alarm.member) +
                  (alarm.name == "CORRUPT"
                       ? ": its state may differ from the others'; find out before it is disarmed"
                       : ": it does not answer; writes are refused until the alarm is disarmed"));
  }
  for (const auto& [id, status] : seen.by_id) {
    const bool alarmed = std::any_of(alarms.begin(), alarms.end(), [&id = id](const client::Alarm& alarm) {
      return alarm.member == id && alarm.name == "NOSPACE";
    });
    if (std::string remark = remark_on_quota(status, alarmed); !remark.empty())
      out.push_back(std::move(remark));
    // Where nobody knows a leader that is what the first line says.
    if (!status.full && !best.leader_name.empty())
      out.push_back(status.name + " does not count yet: " +
                    (status.waits_for.empty() ? "it is being taken in" : status.waits_for));
    if (status.peer_port_open)
      out.push_back(status.name +
                    " hears whoever reaches its peer port: let members show certificates "
                    "(--peer-trusted-ca-file; cairn help cert)");
    if (has_no_room(status))
      out.push_back(status.name + " has no room on its disk (" + free_of(status) +
                    " free): make room there, or delete keys and compact");
    else if (is_short_of_disk(status))
      out.push_back(status.name + " is short of disk (" + free_of(status) +
                    " free): make room there in time");
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<const client::Status*> by_name(const Seen& seen) {
  std::vector<const client::Status*> out;
  for (const auto& [id, status] : seen.by_id) out.push_back(&status);
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  return out;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
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
          {"live_bytes", or_null(status.live_bytes)},
          {"history_bytes", or_null(status.history_bytes)},
          {"log_memory_bytes", or_null(status.log_memory_bytes)},
          {"quota_bytes", or_null(status.quota_bytes)},
          {"full", status.full},
          {"log_space", status.log_space},
          {"log_bytes", or_null(status.log_bytes)},
          {"disk_free_bytes", or_null(status.disk_free_bytes)},
          {"disk_total_bytes", or_null(status.disk_total_bytes)},
          {"version", status.version}};
}

void print_json(const Context& context, const Seen& seen, bool healthy) {
  Json body = {{"healthy", healthy}, {"summary", summary_of(seen)}, {"members", Json::array()}};
  for (const client::Status* status : by_name(seen)) body["members"].push_back(status_to_json(*status));
  Json& stuck = body["stuck"] = Json::array();
  for (const auto& [name, why] : stuck_members(best_informed(seen)))
    stuck.push_back({{"name", name}, {"cause", why}});
  Json& alarms = body["alarms"] = Json::array();
  for (const client::Alarm& alarm : best_informed(seen).alarms)
    alarms.push_back({{"member", name_of(best_informed(seen), alarm.member)}, {"alarm", alarm.name}});
  Json& failed = body["unreachable"] = Json::array();
  for (const client::Error& error : seen.failed)
    failed.push_back({{"endpoint", error.endpoint}, {"cause", error.message}});
  body["remarks"] = remarks_of(seen);
  context.out << body.dump() << "\n";
}

using Row = std::vector<std::string>;

Row absent_row(const std::string& name, const std::string& behind_by, const std::string& url) {
  return {name, "unreachable", "-", "-", "-", behind_by, "-", "-", url};
}

Row row_of(const client::Status& best, const client::Status& status, const std::string& url) {
  return {status.name,
          status.role + (has_no_room(status) ? ", no room on disk"
                         : status.full       ? ""
                                             : ", does not count"),
          std::to_string(status.term),
          std::to_string(status.commit_index),
          std::to_string(status.applied_index),
          behind(best, status.id),
          status.log_bytes ? in_units(*status.log_bytes) : "-",
          free_of(status),
          url};
}

std::vector<Row> rows_of(const Seen& seen) {
  const client::Status& best = best_informed(seen);
  std::vector<Row> rows;
  for (const client::Member& member : best.members) {
    const std::string url = member.client_urls.empty() ? "-" : member.client_urls.front();
    const auto found = seen.by_id.find(member.id);
    rows.push_back(found == seen.by_id.end()
                       ? absent_row(name_of(best, member.id), behind(best, member.id), url)
                       : row_of(best, found->second, url));
  }
  for (const client::Error& error : seen.failed)
    if (name_at(best, error.endpoint).empty()) rows.push_back(absent_row("?", "-", error.endpoint));
  std::sort(rows.begin(), rows.end());
  rows.insert(rows.begin(),
              Row{"MEMBER", "ROLE", "TERM", "COMMIT", "APPLIED", "BEHIND", "LOG", "DISK FREE", "CLIENT"});
  return rows;
}

void print_table(const Context& context, const Seen& seen) {
  const client::Status& best = best_informed(seen);
  const auto size = [](std::optional<std::uint64_t> bytes) { return bytes ? in_units(*bytes) : "-"; };
  context.out << summary_of(seen) << "\nrevision " << best.revision << "   keys " << best.keys
              << "   memory: live " << size(best.live_bytes) << "   history " << size(best.history_bytes)
              << "   log " << size(best.log_memory_bytes) << "   quota "
              << (best.quota_bytes ? in_units(*best.quota_bytes) : "none") << "\n"
              << table(rows_of(seen));
  for (const std::string& remark : remarks_of(seen)) context.out << remark << "\n";
}

// Nobody has answered: each is a row all the same, and the first one's reason is the error.
int report_nobody(const Context& context, const Seen& seen) {
  if (context.format == Format::human) {
    std::vector<Row> rows = {{"ENDPOINT", "STATE", "WHY"}};
    for (const client::Error& error : seen.failed)
      rows.push_back({error.endpoint, "unreachable", error.message});
    context.out << table(rows);
  }
  return report(context, seen.failed.front());
}

}  // namespace

int status(const Context& context) {
  const Seen seen = look_around(context);
  if (seen.by_id.empty()) return report_nobody(context, seen);
  const client::Status& best = best_informed(seen);
  // What one member says of itself is not enough: its leader says who of the others counts. Nor is what the
  // leader says, where a member knows better of itself.
  const bool healthy = seen.strangers.empty() && best.healthy.value_or(false) &&
                       contradiction_of(seen).empty() && stuck_members(best).empty() && best.alarms.empty();
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
