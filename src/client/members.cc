#include "client/members.h"

#include <algorithm>
#include <charconv>

#include "base/hex_id.h"
#include "client/codec.h"

namespace cairn::client {
namespace {

// What refusals mean to whoever asked, by how etcd's texts end: the code to tell them apart by, and what to
// do next.
struct Meaning {
  std::string_view end, code, hint;
};
constexpr Meaning kMeanings[] = {
    {"member not found", "no_member", "cairn member list names them all"},
    {"Peer URLs already exists", "peer_url_exists",
     "cairn member list says whose it is: a machine has one place in the cluster"},
    {"given member URLs are invalid", "invalid_request", "write them like http://10.0.0.4:2380"},
    {"can only promote a learner member which is in sync with leader", "learner_not_ready",
     "start the new member, let it catch up, and ask again"},
    {"can only promote a learner member", "not_learner", "it votes already"},
    {"re-configuration failed due to not enough started members", "members_not_changed",
     "add another member first"},
    {"unhealthy cluster", "unhealthy_cluster",
     "cairn status says who does not answer: start them, or remove those that are gone first"},
    {"too many learner members in cluster", "too_many_learners",
     "promote some of those that do not vote yet, or remove them"},
};

std::uint64_t number_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  std::uint64_t value = 0;
  if (found == json.end() || !found->is_string()) return value;
  const auto& text = found->get_ref<const std::string&>();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<std::string> texts_of(const Json& json, const char* name) {
  return json.contains(name) ? json[name].get<std::vector<std::string>>() : std::vector<std::string>();
}

Member member_of(const Json& json) {
  Member member;
  member.id = hex_id(number_of(json, "ID"));
  member.name = json.value("name", std::string());
  member.peer_urls = texts_of(json, "peerURLs");
  member.client_urls = texts_of(json, "clientURLs");
  member.learner = json.value("isLearner", false);
  return member;
}

// The library reports a wrong type by throwing; here it means: not our server's answer.
std::optional<MembersNow> members_in(const Response& response) {
  try {
    const std::optional<Json> json = parse_body(response);
    if (!json || !json->contains("members")) return std::nullopt;
    MembersNow now;
    for (const Json& each : (*json)["members"]) now.members.push_back(member_of(each));
    if (json->contains("member")) now.added = member_of((*json)["member"]).id;
    return now;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Request request_of(const MembersChange& change, std::chrono::milliseconds timeout) {
  using Kind = MembersChange::Kind;
  const auto path = [&change] {
    switch (change.kind) {
      case Kind::list:
        return "list";
      case Kind::add:
        return "add";
      case Kind::remove:
        return "remove";
      case Kind::promote:
        return "promote";
      case Kind::update:
        return "update";
    }
    return "";
  }();
  Json body = Json::object();
  if (change.kind == Kind::list) body["linearizable"] = true;
  if (!change.peer_urls.empty()) body["peerURLs"] = change.peer_urls;
  if (change.learner) body["isLearner"] = true;
  std::uint64_t id = 0;
  std::from_chars(change.member.data(), change.member.data() + change.member.size(), id, 16);
  if (!change.member.empty()) body["ID"] = std::to_string(id);
  // Told its deadline, a member says what has become of the change while somebody still listens.
  const auto told = timeout - timeout / 8;
  return {"POST",
          std::string("/v3/cluster/member/") + path,
          {{"content-type", "application/json"}, {"grpc-timeout", std::to_string(told.count()) + "m"}},
          body.dump()};
}

// And may be at another member.
bool is_surely_not_made(const Error& error) {
  return error.reason == Reason::unreachable || error.message.ends_with("no leader");
}

Error meant(Error error, bool is_change) {
  const bool is_unknown = error.reason == Reason::timeout || error.message.ends_with("request timed out");
  if (is_unknown && is_change) {
    error.reason = Reason::outcome_unknown;
    error.code = "outcome_unknown";
    error.message = "it is not known whether the members were changed: " + error.message;
    error.hint = "cairn member list tells";
    return error;
  }
  for (const Meaning& each : kMeanings) {
    if (!error.message.ends_with(each.end)) continue;
    error.reason = Reason::refused;
    error.code = each.code;
    error.hint = each.hint;
  }
  return error;
}

}  // namespace

// Any member will do, and each change is asked for once: that it was made already would be an error.
Answer<MembersNow> change_members(Session* session, const MembersChange& change) {
  const Request request = request_of(change, session->options().timeout);
  const bool is_change = change.kind != MembersChange::Kind::list;
  Answer<Response> response = Error{Reason::unreachable, "", "no endpoint", "", ""};
  for (const std::string& endpoint : session->options().endpoints) {
    Answer<Response> answer = session->call_at(endpoint, request);
    const bool ends = answer || (is_change && !is_surely_not_made(answer.error()));
    // Who has answered says more than who is not there.
    if (ends || response.error().reason == Reason::unreachable) response = std::move(answer);
    if (ends) break;
  }
  if (!response) return meant(response.error(), is_change);
  std::optional<MembersNow> now = members_in(*response);
  if (now) return *std::move(now);
  return Error{Reason::refused, "bad_answer", "the answer is not one of Cairn's: no members",
               "is the endpoint really a Cairn server?", ""};
}

}  // namespace cairn::client
