#include "node/users_in_log.h"

#include "mvcc/command_view.h"

namespace cairn::node {
namespace {

bool changes_users(const raft::Entry& entry) {
  if (entry.type != raft::EntryType::command || entry.data == nullptr) return false;
  mvcc::CommandReader reader(*entry.data);
  while (const auto command = reader.next())
    if (mvcc::changes_users(command->kind)) return true;
  return false;
}

}  // namespace

raft::Index last_change_of_users(const std::vector<raft::Entry>& entries, raft::Index behind) {
  for (auto entry = entries.rbegin(); entry != entries.rend() && entry->index > behind; ++entry)
    if (changes_users(*entry)) return entry->index;
  return {};
}

}  // namespace cairn::node
