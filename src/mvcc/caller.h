// Caller: who asks for a command, as the command says it (docs/format/command.md), and whether they may have
// it. Pure; a Caller points into the batch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "etcd/effects.h"
#include "mvcc/auth_state.h"

namespace cairn::mvcc {

struct LeaseState;

struct Caller {
  enum class Kind : std::uint8_t {
    anybody,  // takes no bytes: nobody asked who it was
    user,
    cluster,  // a member on behalf of all, not of a client
    unknown,  // says what this version does not understand
  };
  Kind kind = Kind::anybody;
  std::string_view user = {};       // of kind user: not empty
  std::uint64_t auth_revision = 0;  // of the users as they were when this one was let in
  bool operator==(const Caller&) const = default;
};

// The same, for as long as a request waits.
struct OwnedCaller {
  Caller::Kind kind = Caller::Kind::anybody;
  std::string user{};
  std::uint64_t auth_revision = 0;
  Caller view() const { return {kind, user, auth_revision}; }
};

// Part of what the state is a function of: each member asks this of each command that it applies. Views are
// asked it of what is read. Without `leases`, what is attached to them counts for nothing: who asks so is
// asked again by who knows.
Status permit(const Caller& caller, const etcd::Effects& effects, const AuthState& auth,
              const LeaseState* leases);

}  // namespace cairn::mvcc
