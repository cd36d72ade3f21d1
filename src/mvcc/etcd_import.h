// Reading a database file of etcd, or of EtcdFile, which is the same (docs/format/backup.md): what it holds,
// and a state with its keys, their revisions and leases, its users and roles. Trusts nothing: every refusal
// is data_loss and says what is wrong. Threading: none. Bound: the state that comes of it.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "base/stream.h"
#include "bbolt/reader.h"
#include "mvcc/limits.h"
#include "mvcc/member_info.h"

namespace cairn::mvcc {

struct EtcdFileFacts {
  std::int64_t revision = 1;
  std::int64_t compact_revision = -1;
  std::uint64_t records = 0;  // changes that are kept, deletions too
  std::uint64_t keys = 0;     // that exist
  std::uint64_t leases = 0;
  std::uint64_t users = 0;
  std::uint64_t users_revision = 1;  // another one after each change of users and roles
  bool asks_for_users = false;       // nothing is answered to who is none
  std::uint32_t hash = 0;            // as `etcdctl snapshot status` has it
};

Result<EtcdFileFacts> facts_of(bbolt::Bytes* file);

// A lease that has ended since the revision that is gone back to, or is known by its keys alone, has left no
// trace of how long it was: whoever still wants it has so long to say so.
constexpr std::int64_t kEndedLeaseTtlS = 60;

struct ImportChoice {
  // So many revisions behind the file's last are left out, and all of them count as compacted: watches of
  // before begin anew. 0: none.
  std::int64_t bump_revision = 0;
  // Everything as it was then: one that the file has, from what it is compacted to on. 0: its last.
  std::int64_t revision = 0;
  bool drop_users = false;  // open to everybody what asks for users
};

// What was written after the file was made. Trusted as little as the file.
struct LaterRecords {
  virtual ~LaterRecords() = default;
  // Each record as the file's bucket `key` would have it, in order and without a gap; what the file has
  // already is passed over. And how long leases are that the file may not know.
  virtual Status each(const bbolt::OnPair& on_record,
                      const std::function<void(std::int64_t lease, std::int64_t ttl_s)>& on_lease) = 0;
};

// The state at index 1, with these members, as StateMachine::load() reads it. Alarms stay behind: they name
// members that are none any more.
Result<EtcdFileFacts> import_etcd_file(bbolt::Bytes* file, const ImportChoice& choice,
                                       const MemberMap& members, ByteSink* to, LaterRecords* later = nullptr,
                                       const Limits& limits = {});

}  // namespace cairn::mvcc
