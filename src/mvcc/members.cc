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

Status Members::publish(const command::PublishMember& member, const Limits& limits) {
  if (!all_->contains(member.id()) && all_->size() >= limits.members_max)
    return fail(Code::resource_exhausted,
                std::to_string(limits.members_max) + " members are known already: no more fit");
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
                          {member.peer_urls().begin(), member.peer_urls().end()},
                          {member.client_urls().begin(), member.client_urls().end()}};
  set(std::move(changed));
  return {};
}

}  // namespace cairn::mvcc
