#include <string>
#include <utility>
#include <vector>

#include "mvcc/sections.h"

namespace cairn::mvcc {
namespace {

void save_urls(const std::vector<std::string>& urls, StateWriter* to) {
  to->numbers(static_cast<std::uint32_t>(urls.size()));
  for (const std::string& url : urls) to->text(url);
}

Result<std::vector<std::string>> load_urls(StateReader* from) {
  const auto count = TRY(from->number<std::uint32_t>());
  if (count > from->limits.member_urls_max)
    return tl::unexpected(malformed("a member with " + std::to_string(count) + " URLs"));
  std::vector<std::string> urls;
  for (std::uint32_t i = 0; i < count; ++i) urls.push_back(TRY(from->text(from->limits.text_bytes_max)));
  return urls;
}

}  // namespace

void save_members(const Contents& contents, StateWriter* to) {
  to->numbers(static_cast<std::uint32_t>(contents.members->size()));
  for (const auto& [id, member] : *contents.members) {
    to->numbers(id);
    to->text(member.name);
    save_urls(member.peer_urls, to);
    save_urls(member.client_urls, to);
  }
}

Status load_members(StateReader* from, Storage* storage) {
  const auto count = TRY(from->number<std::uint32_t>());
  if (count > from->limits.members_max) return tl::unexpected(malformed(std::to_string(count) + " members"));
  MemberMap members;
  for (std::uint32_t i = 0; i < count; ++i) {
    MemberInfo member;
    member.id = TRY(from->number<std::uint64_t>());
    member.name = TRY(from->text(from->limits.text_bytes_max));
    member.peer_urls = TRY(load_urls(from));
    member.client_urls = TRY(load_urls(from));
    if (!members.empty() && members.rbegin()->first >= member.id)
      return tl::unexpected(malformed("members out of order"));
    const std::uint64_t id = member.id;
    members.emplace(id, std::move(member));
  }
  storage->members.set(std::move(members));
  return {};
}

}  // namespace cairn::mvcc
