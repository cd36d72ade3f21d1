// Removals: compactions whose clients wait until what they made superfluous has left the memory of this
// member, which goes on with and without writes. Owner: Node. Bounded by Limits: who comes beyond is answered
// when the compaction is made. What a view holds back for longer than the client waits is removed later all
// the same: the compaction has been made, and is answered so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "node/requests.h"

namespace cairn::node {

class Removals {
 public:
  struct Limits {
    std::size_t count = 1024;  // compactions that are waited for
  };
  explicit Removals(const Limits& limits) : limits_(limits) {}

  // Who takes the write's place. It must not outlive this.
  std::unique_ptr<WriteResponder> await(std::int64_t revision, Time deadline,
                                        std::unique_ptr<WriteResponder> client);
  // Once a turn: up to where nothing is left.
  void look(std::int64_t removed_up_to, Time now);
  std::size_t pending() const { return waiting_.size(); }

 private:
  struct Waiting {
    std::int64_t revision = 0;
    Time deadline;
    std::unique_ptr<WriteResponder> client;
    mvcc::Outcome outcome;
  };
  class Responder;

  const Limits limits_;
  std::vector<Waiting> waiting_;
};

}  // namespace cairn::node
