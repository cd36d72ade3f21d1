#include "mvcc/members.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mvcc/state_hash.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {
namespace {

void add_all(const std::vector<std::string>& texts, StateHash* hash) {
  hash->add(std::uint64_t{texts.size()});
  for (const std::string& text : texts) hash->add(text);
}

}  // namespace

void Members::set(MemberMap all) {
  StateHash hash;
  for (const auto& [id, member] : all) {
    hash.add(id).add(member.name);
    add_all(member.peer_urls, &hash);
    add_all(member.client_urls, &hash);
  }
  hash_ = hash.value();
  all_ = std::make_shared<MemberMap>(std::move(all));
}

void Members::follow(const MemberMap& configured) {
  MemberMap followed = configured;
  for (auto& [id, member] : followed) {
    const auto known = all_->find(id);
    const bool has_published = known != all_->end() && !known->second.client_urls.empty();
    if (!has_published) continue;
    member.name = known->second.name;
    member.client_urls = known->second.client_urls;
  }
  if (followed != *all_) set(std::move(followed));
}

Status Members::publish(const command::PublishMember& member, const Limits& limits) {
  const auto known = all_->find(member.id());
  if (known == all_->end())
    return fail(Code::failed_precondition,
                "member " + std::to_string(member.id()) + " is not in the configuration");
  const auto fits = [&limits](const auto& urls) {
    return urls.size() <= static_cast<int>(limits.member_urls_max) &&
           std::all_of(urls.begin(), urls.end(),
                       [&limits](const std::string& url) { return url.size() <= limits.text_bytes_max; });
  };
  if (member.name().size() > limits.text_bytes_max || !fits(member.peer_urls()) ||
      !fits(member.client_urls()))
    return fail(Code::invalid_argument, "a member's name or URLs are too long or too many: at most " +
                                            std::to_string(limits.text_bytes_max) + " bytes each and " +
                                            std::to_string(limits.member_urls_max) + " URLs of a kind");
  MemberMap changed = *all_;
  changed[member.id()] = {member.id(),
                          member.name(),
                          known->second.peer_urls,
                          {member.client_urls().begin(), member.client_urls().end()}};
  set(std::move(changed));
  return {};
}

}  // namespace cairn::mvcc
