// What is done with backup files beside streaming them: like the server, the program brings it along.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::cli {

struct BackupFacts {
  std::int64_t revision = 0, compact_revision = 0;
  std::uint64_t records = 0, keys = 0, leases = 0, users = 0;
  std::uint64_t users_revision = 1;  // of users and roles
  std::uint64_t size_bytes = 0;
  std::uint32_t hash = 0;
};

struct RestoreOrder {
  std::string file, data_dir;
  std::vector<std::string> archives{};  // of changes since, in order; `revision` is named then
  std::string name, initial_cluster, initial_cluster_token, initial_advertise_peer_urls;
  std::int64_t bump_revision = 0;
  std::int64_t revision = 0;  // to go back to; 0: the file's last
  bool drop_users = false, skip_hash_check = false;
};

struct Restored {
  BackupFacts facts;
  std::uint64_t cluster_id = 0, member_id = 0;
  std::vector<std::string> members;  // their names
};

struct Rescued {
  std::uint64_t term = 0, index = 0;  // of the last entry
  std::int64_t revision = 0;
  std::vector<std::string> notes;  // what is damaged
};

struct BackupTools {
  Result<BackupFacts> (*look)(const std::string& file, bool skip_hash_check) = nullptr;
  Result<Restored> (*restore)(const RestoreOrder& order) = nullptr;
  // What a stopped member's directory has, piece by piece: the last of them is the digest.
  Result<Rescued> (*rescue)(const std::string& dir,
                            const std::function<Status(std::string_view)>& write) = nullptr;
};

}  // namespace cairn::cli
