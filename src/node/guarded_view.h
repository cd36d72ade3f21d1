// Guarded views: a state as one caller may read it. What the caller may not is refused by the view itself, so
// that whoever serves reads cannot forget to ask. Owner: whoever reads. Threading: as the view below.
//
// WriteCheck, beside it: whether a caller may do what a write would, for who refuses it before it is in the
// log.
#pragma once

#include <memory>
#include <string_view>

#include "mvcc/caller.h"
#include "mvcc/command_kind.h"
#include "mvcc/view.h"

namespace cairn::mvcc {
class CommandEffects;
}

namespace cairn::node {

std::shared_ptr<const mvcc::View> guarded(std::shared_ptr<const mvcc::View> view, mvcc::OwnedCaller caller);

class WriteCheck {
 public:
  WriteCheck();
  ~WriteCheck();
  // As users and roles are in `auth`. What leases are attached to is left to those who apply the write.
  Status permits(const mvcc::Caller& caller, mvcc::CommandKind kind, std::string_view request,
                 const mvcc::AuthState& auth);

 private:
  const std::unique_ptr<mvcc::CommandEffects> effects_;
};

}  // namespace cairn::node
