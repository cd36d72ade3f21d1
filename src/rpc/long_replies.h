// LongReplies: the replies of one server that are made while they are sent. They take turns: each turn of the
// loop, one of them does one bounded piece of work, so that a list of a million keys delays everything else
// by no more than a piece, however many of them there are.
//
// Owner: what the connections of a server share. Threading: the io_context's thread. Bounded: replies open at
// a time, for the server and for a connection (Limits); each keeps what it reads from alive.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "rpc/limits.h"

namespace cairn::rpc {

class LongReplies {
 public:
  struct Producer {
    virtual ~Producer() = default;
    // Does one piece of work, and asks for a further turn when there is more to do.
    virtual void on_turn() = 0;
  };

  // A reply that is open: given back by destroying it.
  class Place {
   public:
    Place(LongReplies& replies, std::size_t* of_connection, Producer* producer);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // Has the producer's on_turn() called, once, after those who asked before.
    void ask();

   private:
    friend class LongReplies;
    LongReplies& replies_;
    std::size_t* const of_connection_;
    Producer* const producer_;
    bool asked_ = false;
  };

  // `soon` has turn() called soon, but not from inside itself.
  LongReplies(const Limits& limits, std::function<void()> soon) : limits_(limits), soon_(std::move(soon)) {}
  LongReplies(const LongReplies&) = delete;
  LongReplies& operator=(const LongReplies&) = delete;

  // Null when there are too many already.
  std::unique_ptr<Place> admit(std::size_t* of_connection, Producer* producer);
  void turn();
  std::size_t open() const { return open_; }

 private:
  void need_turn();

  const Limits limits_;
  const std::function<void()> soon_;
  std::deque<Place*> waiting_;
  bool turn_needed_ = false;  // soon_ has been told
  std::size_t open_ = 0;
};

}  // namespace cairn::rpc
