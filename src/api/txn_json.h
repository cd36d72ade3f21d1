// The readable form of a transaction, to and from etcd's messages:
//   {"if":   [{"key": "a", "target": "mod", "op": "==", "value": 41}],
//    "then": [{"put": {"key": "a", "value": "1"}}, {"get": {"key": "b"}}, {"delete": {"prefix": "c/"}}],
//    "else": [...]}
// target: mod, version, create (numbers), value (bytes), exists (true or false). Pure; fuzzed.
#pragma once

#include <string>
#include <string_view>

#include "api/json.h"
#include "base/result.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

// Errors name the place: "then[2].put.key must be a string ...".
Result<etcdserverpb::TxnRequest> txn_from_json(std::string_view text, int depth_max);
Json txn_to_json(const etcdserverpb::TxnRequest& request, const etcdserverpb::TxnResponse& response,
                 std::int64_t revision);

}  // namespace cairn::api
