#include "mvcc/caller.h"

namespace cairn::mvcc {

Status permit(const Caller& caller, const etcd::Effects&) {
  switch (caller.kind) {
    case Caller::Kind::anybody:  // this version has no users: nobody is asked who they are
    case Caller::Kind::cluster:
      return {};
    case Caller::Kind::user:
      return fail(
          Code::permission_denied,
          "the command is a user's, and this version knows no users: update every member of the cluster "
          "before users are made");
    case Caller::Kind::unknown:
      break;
  }
  return fail(Code::invalid_argument,
              "the command says whose it is in a way that this version does not know: update this member");
}

}  // namespace cairn::mvcc
