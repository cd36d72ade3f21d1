// What changes of the members come to, in words, and who is meant by what stands on the command line. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/client.h"

namespace cairn::cli {

using Members = std::vector<client::Member>;

// "n4=http://10.0.0.4:2380", more URLs behind commas.
struct Machine {
  std::string name;
  std::vector<std::string> peer_urls;
};
std::optional<Machine> machine_of(const std::string& text);

// By name or id.
Members called(const Members& members, const std::string& who);
// Who is reached at one of these, as a machine that was added already.
std::optional<client::Member> reached_at(const Members& members, const std::vector<std::string>& peer_urls);
std::string name_or_id(const client::Member& member);
std::size_t voters_of(const Members& members);
std::string tolerance(std::size_t voters);  // "3 members, tolerates 1 failure"

std::string plan_of_adding(const Members& members, const std::string& name, bool learner);
std::string plan_of_removing(const Members& members, const client::Member& member);
std::string plan_of_promoting(const Members& members, const client::Member& member);
std::string plan_of_updating(const Members& members, const client::Member& member, const Machine& to);
std::string plan_of_replacing(const Members& members, const std::optional<client::Member>& old,
                              const std::string& old_name, const Machine& by);

// What the new machine runs, all of it on one line.
std::string start_line(const Members& members, const Machine& machine);

}  // namespace cairn::cli
