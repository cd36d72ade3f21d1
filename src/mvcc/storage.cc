#include "mvcc/storage.h"

#include <string>
#include <utility>
#include <vector>

#include "mvcc/state_hash.h"

namespace cairn::mvcc {
namespace {

void add_all(const std::vector<std::string>& texts, StateHash* hash) {
  hash->add(std::uint64_t{texts.size()});
  for (const std::string& text : texts) hash->add(text);
}

}  // namespace

void Storage::set_members(std::shared_ptr<const MemberMap> all) {
  StateHash hash;
  for (const auto& [id, member] : *all) {
    hash.add(id).add(member.name);
    add_all(member.peer_urls, &hash);
    add_all(member.client_urls, &hash);
  }
  members_hash = hash.value();
  members = std::move(all);
}

std::uint64_t Storage::state_hash() const {
  return StateHash()
      .add(applied_index)
      .add(store.revision())
      .add(store.compact_revision())
      .add(store.hash())
      .add(sessions.hash())
      .add(members_hash)
      .value();
}

}  // namespace cairn::mvcc
