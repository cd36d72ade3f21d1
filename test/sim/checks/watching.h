// I16: what one watch's client is told, over all its connections, against the changes that were committed:
// the nine rules of etcd's validators. Each event is a change of its range that it wants (filter), after the
// one before (ordered), never twice (unique), none is left out (reliable), those of a revision come together
// (atomic), progress promises what is true (bookmarkable), who comes back goes on where it was (resumable);
// what the key was before (prevKV), and whether it is new (isCreate), are as they were. Owner: Watchers.
// Threading: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/checks/reference.h"
#include "sim/watch_wire.h"

namespace cairn::sim {

class Watching {
 public:
  Watching(Judge& judge, const Reference& reference, std::string label, watch::Request what);

  // From where to ask next: all before it has been told; 0: from now on.
  std::int64_t next() const { return next_; }
  // The client asks again, from there. What it had of a revision in fragments it has not.
  void asks_from(std::int64_t start);
  void received(const WatchAnswer& answer);
  // All changes until now that it wants.
  bool has_all() const;
  bool is_created() const { return is_created_; }  // by the member that was asked last
  const watch::Request& what() const { return what_; }

 private:
  void accuse(const char* rule, const WatchAnswer& answer, const std::string& what) const;
  bool is_wanted(const Reference::Change& change) const;
  const Reference::Change* next_wanted(std::int64_t from, std::size_t passed) const;
  void created(const WatchAnswer& answer);
  void canceled(const WatchAnswer& answer);
  void progressed(const WatchAnswer& answer);
  void told(const WatchAnswer& answer);
  bool is_told_well(const WatchEvent& event, const Reference::Change& change) const;

  Judge& judge_;
  const Reference& reference_;
  const std::string label_;
  const watch::Request what_;
  std::int64_t next_ = 0;
  std::size_t had_of_next_ = 0;  // changes of that revision, while they come in fragments
  bool is_created_ = false;
};

}  // namespace cairn::sim
