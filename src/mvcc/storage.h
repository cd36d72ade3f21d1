// Storage: everything one replicated state is made of, shared by its StateMachine and the views of it:
// whoever lets go last frees it. Contents is what a view has captured of it.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/stream.h"
#include "mvcc/alarms.h"
#include "mvcc/auth.h"
#include "mvcc/epochs.h"
#include "mvcc/leases.h"
#include "mvcc/limits.h"
#include "mvcc/members.h"
#include "mvcc/sessions.h"
#include "mvcc/store.h"

namespace cairn::mvcc {

struct Contents {
  std::uint64_t applied_index = 0;
  KvState kv;
  Sessions::SessionTree::Root sessions;
  std::uint64_t session_bytes = 0;
  SessionCounters session_counters;
  std::shared_ptr<const MemberMap> members;
  std::shared_ptr<const AlarmList> alarms;
  LeaseState leases;
  std::shared_ptr<const AuthState> auth;
  std::uint64_t state_hash = 0;
};

struct Storage {
  explicit Storage(const Limits& given)
      : limits(given),
        store(&epochs, given.step),
        sessions(&epochs, given),
        leases(&epochs, given),
        auth(given) {}

  Contents contents() const {
    return {applied_index,       store.state(), sessions.root(), sessions.size_bytes(),
            sessions.counters(), members.all(), alarms.all(),    leases.state(),
            auth.all(),          state_hash()};
  }
  std::uint64_t state_hash() const;

  const Limits limits;
  Epochs epochs;  // outlives what retires into it
  Store store;
  Sessions sessions;
  Members members;
  Alarms alarms;
  Leases leases;
  Auth auth;
  std::uint64_t applied_index = 0;
};

// docs/format/state.md
Status save_contents(const Contents& contents, const StepLimits& step, ByteSink* sink);
// Into a fresh storage. An Error leaves it in no usable state.
Status load_contents(ByteSource* source, Storage* storage);

}  // namespace cairn::mvcc
