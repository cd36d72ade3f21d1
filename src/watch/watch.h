// Watch: one watch, as its Hub keeps it. Owner: its Stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>

#include "mvcc/changes.h"

namespace cairn::watch {

struct Group;
class Stream;

struct Watch {
  enum class State : std::uint8_t {
    none,     // on its way between two others
    current,  // in its group
    behind,   // in Hub::behind_
    stalled,  // behind, and there is no room: in Stream::stalled_
    waiting,  // for its first revision: in Hub::waiting_
  };
  Stream* stream = nullptr;
  Group* group = nullptr;
  std::int64_t id = 0;
  mvcc::ChangePlace next;              // unless it is current: what it has had ends before it
  std::size_t place = 0;               // in its group, while it is current
  std::list<Watch*>::iterator behind;  // there, while it is behind or stalled
  std::multimap<std::int64_t, Watch*>::iterator waiting;  // there, while it waits
  State state = State::none;
  bool progress = false;
  bool is_quiet = false;  // it has had no event since its stream was last told of its progress
};

}  // namespace cairn::watch
