// How etcd writes the kinds of alarms.
#pragma once

#include "node/member.h"

namespace cairn::api {

inline const char* alarm_name(mvcc::AlarmKind kind) {
  return kind == mvcc::AlarmKind::corrupt ? "CORRUPT" : "NOSPACE";
}

}  // namespace cairn::api
