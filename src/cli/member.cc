// member: list, add, remove, promote, update and replace the members of a cluster.
#include <algorithm>
#include <ostream>
#include <variant>

#include "cli/ask_all.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/member_plan.h"

namespace cairn::cli {
namespace {

using client::MembersChange;
using Kind = MembersChange::Kind;

constexpr std::chrono::milliseconds kLookAgain{500};

// One run of the command. What ends it early has been reported: an exit status.
class Change {
 public:
  Change(const Context& context, const MemberOptions& options)
      : context_(context), options_(options), client_(context.connect()) {}

  int run() {
    auto listed = client_.change_members({.kind = Kind::list});
    if (!listed) return report(context_, listed.error());
    members_ = std::move(listed->members);
    if (options_.action == "add") return add();
    if (options_.action == "remove") return remove();
    if (options_.action == "promote") return promote();
    if (options_.action == "update") return update();
    return replace();
  }

 private:
  // ---- the verbs ----

  int add() {
    const auto machine = machine_of(options_.who);
    if (!machine) return no_machine(options_.who);
    if (const int taken = is_name_taken(*machine)) return taken;
    if (const int end = begin(plan_of_adding(members_, machine->name, options_.learner)); end >= 0)
      return end;
    if (const int failed =
            make({.kind = Kind::add, .peer_urls = machine->peer_urls, .learner = options_.learner}))
      return failed;
    const std::string line = start_line(members_, *machine);
    if (context_.format == Format::human) say_start(context_.out, *machine, line);
    return done({{"added", added_}, {"command", line}});
  }

  int remove() {
    const auto member = the(options_.who);
    if (!member) return failed_;
    if (options_.dry_run && !member->learner && voters_of(members_) == 1)
      return report(context_, kExitRefused,
                    plan_of_removing(members_, *member) + ": the cluster refuses that",
                    "add another member first", "members_not_changed");
    if (const int end = begin(plan_of_removing(members_, *member)); end >= 0) return end;
    if (const int failed = make({.kind = Kind::remove, .member = member->id})) return failed;
    return done({{"removed", member->id}});
  }

  int promote() {
    const auto member = the(options_.who);
    if (!member) return failed_;
    if (const int end = begin(plan_of_promoting(members_, *member)); end >= 0) return end;
    if (const int failed = make({.kind = Kind::promote, .member = member->id})) return failed;
    return done({{"promoted", member->id}});
  }

  int update() {
    const auto to = machine_of(options_.who);
    if (!to) return no_machine(options_.who);
    const auto member = the(to->name);
    if (!member) return failed_;
    if (const int end = begin(plan_of_updating(members_, *member, *to)); end >= 0) return end;
    if (const int failed = make({.kind = Kind::update, .member = member->id, .peer_urls = to->peer_urls}))
      return failed;
    return done({{"updated", member->id}});
  }

  // Each step looks at what there is, so that one that was interrupted goes on where it was.
  int replace() {
    const auto by = machine_of(options_.by);
    if (!by) return no_machine(options_.by);
    std::optional<client::Member> next = reached_at(members_, by->peer_urls);
    std::optional<client::Member> old;
    if (!next || !called(members_, options_.who).empty()) {
      old = the(options_.who);
      if (!old) return failed_;
    }
    if (old && next && old->id == next->id)
      return report(context_, kExitUsage, options_.by + " is where " + name_or_id(*old) + " is itself",
                    "cairn member update moves a member; another machine has another address");
    if (const int taken = is_name_taken(*by)) return taken;
    if (const int end = begin(plan_of_replacing(members_, old, options_.who, *by)); end >= 0) return end;
    std::string line;
    if (!next) {
      if (const int failed = make({.kind = Kind::add, .peer_urls = by->peer_urls, .learner = true}))
        return failed;
      next = reached_at(members_, by->peer_urls);
      if (!next)
        return report(context_, kExitInternal, by->name + " was added, and is no member",
                      "cairn member list");
    }
    if (next->learner) {
      say_start(context_.err, *by, start_line(members_, *by));
      if (const int failed = promote_when_ready(*next, by->name)) return failed;
    }
    if (old)
      if (const int failed = make({.kind = Kind::remove, .member = old->id})) return failed;
    return done({{"added", next->id}, {"removed", old ? Json(old->id) : Json()}});
  }

  // ---- steps ----

  int promote_when_ready(const client::Member& member, const std::string& name) {
    Interrupts interrupts;
    const auto end = client_.now() + std::chrono::seconds(options_.wait_seconds);
    const std::string again = "the same command goes on from here; cairn member remove " + member.id +
                              " --yes takes " + name + " back";
    for (std::string said;;) {
      const auto promoted = client_.change_members({.kind = Kind::promote, .member = member.id});
      if (promoted) return members_ = promoted->members, 0;
      const std::string& code = promoted.error().code;
      if (code == "not_learner") return 0;  // somebody else has
      if (code != "learner_not_ready" && promoted.error().reason != client::Reason::unavailable)
        return report(context_, promoted.error(), again);
      if (client_.now() >= end)
        return report(context_, kExitUnreachable,
                      name + " has not caught up within " + std::to_string(options_.wait_seconds) + " s",
                      again, "learner_not_ready");
      const std::string now = progress_of(member.id, name);
      if (now != said) context_.err << now << "\n" << std::flush;
      said = now;
      if (interrupts.wait(kLookAgain) != 0)
        return report(context_, kExitInterrupted, "interrupted: " + name + " does not vote yet", again);
    }
  }

  // As the leader knows it.
  std::string progress_of(const std::string& id, const std::string& name) {
    std::vector<std::string> urls;
    for (const client::Member& each : members_)
      if (!each.client_urls.empty()) urls.push_back(each.client_urls.front());
    for (const auto& status : ask_all(urls, std::min(context_.timeout, std::chrono::milliseconds(1000)),
                                      context_.tls, context_.user)) {
      if (!status || status->role != "leader") continue;
      for (const client::Follower& follower : status->followers)
        if (follower.id == id && follower.active && follower.behind_entries)
          return name + " is " + std::to_string(*follower.behind_entries) + " entries behind";
    }
    return "waiting for " + name + ", which has not been heard yet";
  }

  int make(const MembersChange& change) {
    client::Client asked = context_.connect_to(endpoints_for(change));
    auto now = asked.change_members(change);
    if (!now && now.error().reason == client::Reason::outcome_unknown) {
      auto listed = asked.change_members({.kind = Kind::list});
      if (listed && is_made(change, listed->members)) now = std::move(listed);
    }
    if (!now) return report(context_, now.error());
    members_ = std::move(now->members);
    added_ = std::move(now->added);
    return 0;
  }

  // Who is removed hears nothing of it, and could not say that it was made.
  std::vector<std::string> endpoints_for(const MembersChange& change) const {
    if (change.kind != Kind::remove) return context_.endpoints;
    std::vector<std::string> others, given;
    for (const client::Member& each : members_)
      if (each.id != change.member)
        others.insert(others.end(), each.client_urls.begin(), each.client_urls.end());
    for (const std::string& endpoint : context_.endpoints)
      if (std::find(others.begin(), others.end(), endpoint) != others.end()) given.push_back(endpoint);
    return others.empty() ? context_.endpoints : given.empty() ? others : given;
  }

  static bool is_made(const MembersChange& change, const Members& members) {
    const Members found = called(members, change.member);
    switch (change.kind) {
      case Kind::list:
        return true;
      case Kind::add:
        return reached_at(members, change.peer_urls).has_value();
      case Kind::remove:
        return found.empty();
      case Kind::promote:
        return !found.empty() && !found.front().learner;
      case Kind::update:
        return !found.empty() && found.front().peer_urls == change.peer_urls;
    }
    return false;
  }

  // Who is meant; nothing: nobody, which is reported.
  std::optional<client::Member> the(const std::string& who) {
    const Members found = called(members_, who);
    if (found.size() == 1) return found.front();
    std::string all;
    for (const client::Member& each : found.empty() ? members_ : found)
      all += (all.empty() ? "" : ", ") + each.id + (each.name.empty() ? "" : " (" + each.name + ")");
    failed_ = found.empty() ? report(context_, kExitNegative, "there is no member " + printable(who),
                                     "the members are " + all, "no_member")
                            : report(context_, kExitUsage,
                                     std::to_string(found.size()) + " members are called " + printable(who),
                                     "say which by its id: " + all, "ambiguous");
    return std::nullopt;
  }

  int is_name_taken(const Machine& machine) const {
    for (const client::Member& each : called(members_, machine.name))
      if (!reached_at({each}, machine.peer_urls))
        return report(context_, kExitUsage, "a member is called " + printable(machine.name) + " already",
                      "--initial-cluster tells machines apart by their names: choose another", "name_taken");
    return 0;
  }

  int no_machine(const std::string& text) const {
    return report(context_, kExitUsage, "'" + printable(text) + "' is no NAME=URL",
                  "write where the others reach it: n4=http://10.0.0.4:2380");
  }

  // ---- words ----

  // Below 0: it is to be done.
  int begin(const std::string& plan) {
    plan_ = plan;
    if (options_.dry_run) {
      if (context_.format == Format::json)
        context_.out << Json{{"plan", plan}, {"dry_run", true}}.dump() << "\n";
      else
        context_.out << plan << "\n";
      return kExitOk;
    }
    if (!options_.yes)
      return report(context_, kExitUsage, plan, "nothing is done yet: say --yes if that is what you want");
    if (context_.format == Format::human) context_.out << plan << "\n" << std::flush;
    return -1;
  }

  static void say_start(std::ostream& to, const Machine& machine, const std::string& line) {
    to << "on the machine of " << machine.name << ", beside its own flags for clients and data, run:\n  "
       << line << "\n"
       << std::flush;
  }

  int done(Json what) {
    if (context_.format == Format::json) {
      what["plan"] = plan_;
      Json& members = what["members"] = Json::array();
      for (const client::Member& each : members_)
        members.push_back({{"id", each.id},
                           {"name", each.name},
                           {"peer_urls", each.peer_urls},
                           {"client_urls", each.client_urls},
                           {"learner", each.learner}});
      context_.out << what.dump() << "\n";
    } else {
      context_.out << "done\n";
    }
    return kExitOk;
  }

  const Context& context_;
  const MemberOptions& options_;
  client::Client client_;
  Members members_;
  std::string plan_, added_;
  int failed_ = 0;
};

}  // namespace

int member(const Context& context, const MemberOptions& options) {
  const bool is_list = options.action == "list", replaces = options.action == "replace";
  if (is_list != options.who.empty() || replaces == options.by.empty())
    return report(context, kExitUsage,
                  "member " + options.action +
                      (is_list    ? " takes nothing more"
                       : replaces ? " needs to know whom, and by whom: OLD NEW=URL"
                                  : " needs to know whom, and nothing more"),
                  "cairn help member");
  if (options.learner && options.action != "add")
    return report(context, kExitUsage, "member " + options.action + " has no flag --learner",
                  "cairn help member");
  if (is_list) return members(context);
  return Change(context, options).run();
}

}  // namespace cairn::cli
