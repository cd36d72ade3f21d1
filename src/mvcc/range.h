// Range: answers one RangeRequest from a state, with etcd's rules for revisions, limits, filters and order.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "mvcc/store.h"

namespace etcdserverpb {
class RangeRequest;
}  // namespace etcdserverpb

namespace cairn::mvcc {

class ReadingBudget;

// What a reader reads: a view's state, or the writer's own in the middle of a txn.
struct Reading {
  const KeyTree::Root& keys;
  std::int64_t revision;  // the newest readable one
  std::int64_t compact_revision;
  const StepLimits* step;  // outlives the reading
};

// What `count` of a response is: of the range, for which all of a past revision's has to be looked at, or of
// what was looked at until the limit was reached.
enum class Counting { whole_range, up_to_limit };

Status check_revision(const Reading& reading, std::int64_t revision);
// The usual request, for one key of a small value, spared everything that only large answers need. False, and
// nothing appended, when it is not of that kind.
bool append_small(const Reading& reading, const etcdserverpb::RangeRequest& request, std::string* out);
// What one key of a response takes is spent. `revision` as in a RangeRequest. False: it was too much.
bool measure_key(const Reading& reading, std::string_view key, std::int64_t revision, ReadingBudget* budget);
// What append_range() walks and appends is spent. False: it was too much.
bool measure_range(const Reading& reading, const etcdserverpb::RangeRequest& request, ReadingBudget* budget);
// Appends kvs, more and count of a RangeResponse. The request is checked (etcd/validate.h), and so is its
// revision.
void append_range(const Reading& reading, const etcdserverpb::RangeRequest& request, std::string* out,
                  Counting counting = Counting::whole_range);

}  // namespace cairn::mvcc
