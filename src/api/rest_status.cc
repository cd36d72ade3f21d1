// /v1/status and /v1/members: what this member knows of itself and of the cluster.
#include <algorithm>
#include <cstdio>

#include "api/alarm_name.h"
#include "api/json.h"
#include "api/rest.h"
#include "base/hex_id.h"
#include "base/version.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

Json member_to_json(const mvcc::MemberInfo& info, const node::MemberStatus& status) {
  const auto& learners = status.members.learners;
  const raft::NodeId id(info.id);
  return {{"id", hex_id(info.id)},
          {"name", info.name},
          {"peer_urls", info.peer_urls},
          {"client_urls", info.client_urls},
          {"learner", std::find(learners.begin(), learners.end(), id) != learners.end()},
          {"leader", status.leader == id}};
}

Json members_to_json(const mvcc::View& view, const node::MemberStatus& status) {
  Json out = Json::array();
  for (const auto& [id, info] : view.members()) out.push_back(member_to_json(info, status));
  return out;
}

const char* name_of(raft::Space space) {
  constexpr const char* kNames[] = {"plenty", "low", "none"};
  return kNames[static_cast<std::size_t>(space)];
}

Json follower_to_json(const node::FollowerStatus& follower, const node::MemberStatus& status) {
  const std::uint64_t last = status.last.v, match = follower.match.v;
  Json json = {{"id", hex_id(follower.id.v)},
               {"match", match},
               {"next", follower.next.v},
               {"state", follower.state},
               {"active", follower.active},
               {"full", follower.full},
               {"behind", follower.behind},
               {"stuck", follower.stuck},
               {"behind_entries", last > match ? last - match : 0},
               {"log_space", name_of(follower.space)}};
  // What it has and remembers is not known before this leader has heard of it.
  if (!follower.current) json["full"] = nullptr;
  if (!follower.heard)
    for (const char* const unknown : {"match", "full", "behind_entries", "log_space"})
      json[unknown] = nullptr;
  return json;
}

// What a quota counts, and the quota; null: none.
Json memory_to_json(const node::MemberStatus& status) {
  return {{"live_bytes", status.memory.live_bytes},
          {"history_bytes", status.memory.history_bytes},
          {"log_bytes", status.memory.log_bytes},
          {"quota_bytes", status.quota_bytes > 0 ? Json(status.quota_bytes) : Json()}};
}

Json alarms_to_json(const mvcc::View& view) {
  Json out = Json::array();
  for (const mvcc::Alarm& alarm : view.alarms())
    out.push_back({{"member", hex_id(alarm.member)}, {"alarm", alarm_name(alarm.kind)}});
  return out;
}

// Nothing, or whose disks are full and what that means; in words for `sentence`.
std::string without_room(const node::MemberStatus& status) {
  std::size_t count = status.space == raft::Space::plenty ? 0 : 1;
  for (const node::FollowerStatus& follower : status.followers)
    if (follower.space != raft::Space::plenty) ++count;
  if (count == 0) return "";
  const bool refused = status.space_for_writes != raft::Space::plenty;
  return ", " + std::to_string(count) + " with no room on its disk" + (refused ? ": writes are refused" : "");
}

// Only a leader knows who is alive, and who lacks what the others have is nobody to fall back on.
struct Health {
  std::size_t voters = 0, alive = 1, unheard = 0, full = 1, stuck = 0, counting = 1;
  bool all() const { return counting == voters; }
  std::size_t spare() const {
    const std::size_t quorum = voters / 2 + 1;
    return counting > quorum ? counting - quorum : 0;
  }
};

Health health_of(const node::MemberStatus& status) {
  const auto& all = status.members.voters;
  Health health{.voters = all.size()};
  for (const node::FollowerStatus& follower : status.followers) {
    const bool votes = std::find(all.begin(), all.end(), follower.id) != all.end();
    if (!follower.active || follower.id == status.id || !votes) continue;
    ++health.alive;
    // In this leadership, which may be a moment old, or since it was lost: it may be an empty directory now.
    health.unheard += follower.current ? 0 : 1;
    health.full += follower.full ? 1 : 0;
    health.stuck += follower.full && !follower.stuck.empty() ? 1 : 0;
    health.counting += follower.full && !follower.behind ? 1 : 0;
  }
  return health;
}

bool leads(const node::MemberStatus& status) { return status.leader.v != 0 && status.leader == status.id; }

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// " for 12 s".
std::string how_long(const node::MemberStatus& status) {
  if (!status.leaderless_for) return "";
  return " for " +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*status.leaderless_for).count()) +
         " s";
}

// "3 members, healthy, tolerates 1 failure".
std::string sentence(const node::MemberStatus& status) {
  const Health health = health_of(status);
  const auto [voters, alive, unheard, full, stuck, counting] = health;
  std::string text = std::to_string(voters) + (voters == 1 ? " member" : " members");
  if (status.leader.v == 0)
    return text + ", no leader" + how_long(status) +
           (status.waits_for.empty() ? "" : "; " + status.waits_for);
  if (!leads(status)) return text + ", ask the leader for their health";
  const std::size_t spare = health.spare();
  if (alive < voters) text += ", " + std::to_string(voters - alive) + " unreachable";
  if (unheard > 0) text += ", " + std::to_string(unheard) + " not heard by this leader yet";
  if (full + unheard < alive) text += ", " + std::to_string(alive - unheard - full) + " being taken in again";
  if (stuck > 0) text += ", " + std::to_string(stuck) + " behind and cannot catch up";
  if (counting + stuck < full) text += ", " + std::to_string(full - counting - stuck) + " catching up";
  if (counting == voters) text += ", healthy";
  text += ", tolerates " + std::to_string(spare) + (spare == 1 ? " failure" : " failures");
  return text + without_room(status);
}

// ", alarm NOSPACE: writes are refused".
std::string alarmed(const mvcc::View& view) {
  for (const mvcc::Alarm& alarm : view.alarms())
    if (alarm.kind == mvcc::AlarmKind::corrupt) return ", alarm CORRUPT: keys are not written";
  return view.alarms().empty() ? "" : ", alarm NOSPACE: writes are refused";
}

void respond_status(RestCall& rest, const node::MemberStatus& status, const mvcc::View& view) {
  const Leader leader = rest.leader();
  Json leader_json, log_bytes, free_bytes, total_bytes;
  if (status.disk) {
    log_bytes = status.disk->log_bytes;
    free_bytes = status.disk->free_bytes;
    total_bytes = status.disk->total_bytes;
  }
  if (leader.id.v != 0)
    leader_json = {{"id", hex_id(leader.id.v)}, {"name", leader.name}, {"url", leader.url}};
  Json body = {
      {"name", rest.config().name},
      {"version", kVersion},
      {"summary", sentence(status) + alarmed(view)},
      {"healthy", leads(status) ? Json(health_of(status).all()) : Json()},
      {"tolerates", leads(status) ? Json(health_of(status).spare()) : Json()},
      {"cluster_id", hex_id(status.cluster_id)},
      {"id", hex_id(status.id.v)},
      {"role", status.role},
      {"leader", std::move(leader_json)},
      {"term", status.term.v},
      {"full", status.full},
      {"incarnation", hex_id(status.incarnation.v)},
      {"waits_for", status.waits_for},
      {"peer_port_open", rest.config().peer_port_open},
      {"leaderless_seconds", status.leaderless_for ? Json(seconds_of(*status.leaderless_for)) : Json()},
      {"first_index", status.first.v},
      {"last_index", status.last.v},
      {"commit_index", status.commit.v},
      {"applied_index", status.applied.v},
      {"snapshot_index", status.snapshot.v},
      {"log_space", name_of(status.space)},
      {"log_bytes", std::move(log_bytes)},
      {"disk_free_bytes", std::move(free_bytes)},
      {"disk_total_bytes", std::move(total_bytes)},
      {"revision", view.revision()},
      {"compact_revision", view.compact_revision()},
      {"keys", view.key_count()},
      {"size_bytes", view.size_bytes()},
      {"size_in_use_bytes", view.size_in_use_bytes()},
      {"memory", memory_to_json(status)},
      {"alarms", alarms_to_json(view)},
      {"members", members_to_json(view, status)},
      {"followers", Json::array()}};
  for (const node::FollowerStatus& follower : status.followers)
    body["followers"].push_back(follower_to_json(follower, status));
  rest.respond(json_response(200, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void respond_members(RestCall& rest, const node::MemberStatus& status, const mvcc::View& view) {
  const Json body = {{"members", members_to_json(view, status)}};
  rest.respond(json_response(200, body.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

using Respond = void (*)(RestCall&, const node::MemberStatus&, const mvcc::View&);

void ask(const Rest& rest, Respond respond) {
  const bool is_asked = rest->member().ask([rest, respond](const node::Replica& replica) {
    return
        [rest, respond, status = replica.status(), view = replica.view()] { respond(*rest, status, *view); };
  });
  if (!is_asked) rest->refuse(etcd::error_of(Reason::too_many_requests));
}

}  // namespace

void rest_status(const Rest& rest) { ask(rest, respond_status); }
void rest_members(const Rest& rest) { ask(rest, respond_members); }

}  // namespace cairn::api
