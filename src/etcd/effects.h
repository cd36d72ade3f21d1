// Effects: what a request would do to which keys, flattened: each operation of a transaction on either
// branch, each compare, each previous value that is asked for. Whoever may have all of them may have the
// request: it is the same list at the API and where the log is applied. Follows from the request alone; what
// a lease is attached to only the state knows. Pure. Bounds: those of the request, whose keys an effect
// points into.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace etcdserverpb {
class AlarmRequest;
class CompactionRequest;
class DeleteRangeRequest;
class PutRequest;
class RangeRequest;
class TxnRequest;
}  // namespace etcdserverpb

namespace cairn::etcd {

enum class Access : std::uint8_t {
  read,      // of these keys, as they are or were
  write,     // of these keys
  attach,    // to this lease, whose end will be that of the key: of all keys that are attached to it, writing
  attached,  // of this lease: of all keys that are attached to it, reading
  admin,     // of everything: who has etcd's role root
  cluster,   // nobody's but the cluster's own
};

struct Effect {
  Access access = Access::admin;
  std::string_view key, range_end;  // as etcd writes a range; nothing where it is not about keys
  std::int64_t lease = 0;           // of attach and attached
  bool operator==(const Effect&) const = default;
};

using Effects = std::vector<Effect>;

void add_effects(const etcdserverpb::RangeRequest& request, Effects* to);
void add_effects(const etcdserverpb::PutRequest& request, Effects* to);
void add_effects(const etcdserverpb::DeleteRangeRequest& request, Effects* to);
void add_effects(const etcdserverpb::TxnRequest& request, Effects* to);
void add_effects(const etcdserverpb::CompactionRequest& request, Effects* to);
void add_effects(const etcdserverpb::AlarmRequest& request, Effects* to);

}  // namespace cairn::etcd
