// etcd's error texts and codes: clients compare the texts.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cairn::mvcc::errors {

inline Error key_not_provided() { return {Code::invalid_argument, "etcdserver: key is not provided"}; }
inline Error key_not_found() { return {Code::invalid_argument, "etcdserver: key not found"}; }
inline Error value_provided() { return {Code::invalid_argument, "etcdserver: value is provided"}; }
inline Error lease_provided() { return {Code::invalid_argument, "etcdserver: lease is provided"}; }
inline Error too_many_ops() {
  return {Code::invalid_argument, "etcdserver: too many operations in txn request"};
}
inline Error duplicate_key() {
  return {Code::invalid_argument, "etcdserver: duplicate key given in txn request"};
}
inline Error invalid_sort() { return {Code::invalid_argument, "etcdserver: invalid sort option"}; }
inline Error compacted() {
  return {Code::out_of_range, "etcdserver: mvcc: required revision has been compacted"};
}
inline Error future_revision() {
  return {Code::out_of_range, "etcdserver: mvcc: required revision is a future revision"};
}
// Of keys that name one intended write; etcd has none.
inline Error no_room_for_key() {
  return {
      Code::resource_exhausted,
      "etcdserver: too many requests: the idempotency keys remembered for others fill the table, and none of "
      "them may be forgotten yet; this write was not applied: retry later, and send an idempotency-revision "
      "with each key"};
}
inline Error future_key(std::int64_t revision, std::int64_t newest) {
  return {Code::invalid_argument, "the idempotency-revision " + std::to_string(revision) +
                                      " is none that this cluster's store has had (1 to " +
                                      std::to_string(newest) +
                                      "): send the revision of an answer that came before the key was made"};
}
inline Error forgotten_key(std::int64_t revision, std::int64_t forgotten) {
  return {Code::failed_precondition,
          "the idempotency key is too old: it was made at revision " + std::to_string(revision) +
              ", and keys that changed something up to revision " + std::to_string(forgotten) +
              " are forgotten; this request was not applied, but whether an earlier one with this key was is "
              "unknown: read before you write again with a new key"};
}
inline Error lease_not_found() { return {Code::not_found, "etcdserver: requested lease not found"}; }

}  // namespace cairn::mvcc::errors
