// CorePort: the way from the parts of a Node to its core. Nothing comes back by it: what the core decides is
// handed to the parts when the turn's outputs are carried out, never from within step(). Implemented by Node.
#pragma once

#include "raft/core.h"

namespace cairn::node {

struct CorePort {
  virtual ~CorePort() = default;
  virtual void step(raft::Input input) = 0;
};

}  // namespace cairn::node
