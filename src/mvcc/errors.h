// etcd's error texts and codes: clients compare the texts.
#pragma once

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
inline Error lease_not_found() { return {Code::not_found, "etcdserver: requested lease not found"}; }

}  // namespace cairn::mvcc::errors
