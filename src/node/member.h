// Member: one member as those see it who serve its clients; Replica: what only its own thread may ask it.
// What they take and give is declared in requests.h and status.h. Implemented by server/ around a Node.
#pragma once

#include <functional>
#include <memory>

#include "base/time.h"
#include "mvcc/view.h"

namespace cairn::node {

struct ClientWrite;
struct ClientRead;
struct MoveLeader;
struct LeaseCall;
struct ChangeMembership;
struct MemberBrief;
struct MemberNumbers;
struct MemberStatus;

// What only the thread that owns the replica may ask it.
struct Replica {
  virtual ~Replica() = default;
  virtual MemberNumbers numbers() const = 0;
  virtual MemberStatus status() const = 0;
  virtual std::shared_ptr<const mvcc::View> view() const = 0;  // the local state, possibly behind
};

// Told of the state as it goes on, on the thread that follows.
using Follower = std::function<void(const std::shared_ptr<const mvcc::View>&)>;

// Runs on the replica's thread and returns what runs on the asker's.
using ReplicaQuestion = std::function<std::function<void()>(const Replica&)>;

// One member as those see it who serve its clients, implemented by server/ around a Node: on the thread that
// owns the replica, where everything is answered at once that needs no waiting, and on others. Whatever is
// given here runs, and is destroyed, on the thread that gave it, except a ReplicaQuestion while it is asked.
struct Member {
  virtual ~Member() = default;
  virtual Time now() const = 0;
  virtual void write(ClientWrite request) = 0;
  virtual void read(ClientRead request) = 0;
  virtual void move_leader(MoveLeader request) = 0;
  virtual void lease(LeaseCall call) = 0;
  virtual void change_members(ChangeMembership change) = 0;
  // False: too many are under way, and it is destroyed unasked; so it is later when stopping.
  [[nodiscard]] virtual bool ask(ReplicaQuestion question) = 0;
  // On another thread than the replica's these are as the latest of its turns that has been heard of.
  virtual MemberBrief brief() const = 0;
  virtual std::shared_ptr<const mvcc::MemberMap> members() const = 0;
  virtual const std::shared_ptr<const mvcc::AuthState>& auth() const = 0;  // who may what
  // False: it was started again, and its log holds changes of users that it does not know to count.
  virtual bool knows_users() const = 0;
  virtual std::int64_t clock_ms() const = 0;  // the state's, by which logins age
  // Soon, and then after each turn of the replica that has changed the state: its view, if that is still the
  // newest one by then. Each is newer than the one before; on another thread than the replica's, none comes
  // later than an answer of its turn. One follower at a time; an empty one ends it. Not from within a
  // Follower.
  virtual void follow(Follower follower) = 0;
};

}  // namespace cairn::node
