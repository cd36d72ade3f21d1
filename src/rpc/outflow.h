// Outflow: what one stream has produced and its client has not taken yet, and whether there is room for more.
// Owner: the call. Threading: none of its own. Bounded: by three limits (a stream, its connection, the
// server), each of which may be passed by one message, since a message goes out as a whole.
//
// Whoever has nothing unsent always has room: a client that reads its stream is not starved by those who
// leave theirs unread, however many they are. So a stream needs to look again only when bytes of its own have
// gone.
#pragma once

#include <cstddef>

#include "rpc/limits.h"

namespace cairn::rpc {

// The sum over many streams.
class UnsentBytes {
 public:
  // `larger` is the sum that this one is a part of, if any.
  explicit UnsentBytes(std::size_t bytes_max, UnsentBytes* larger = nullptr)
      : bytes_max_(bytes_max), larger_(larger) {}
  UnsentBytes(const UnsentBytes&) = delete;
  UnsentBytes& operator=(const UnsentBytes&) = delete;
  void change(std::size_t from, std::size_t to) {
    bytes_ = bytes_ - from + to;
    if (larger_ != nullptr) larger_->change(from, to);
  }
  bool full() const { return bytes_ >= bytes_max_ || (larger_ != nullptr && larger_->full()); }
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_max_;
  UnsentBytes* const larger_;
  std::size_t bytes_ = 0;
};

class Outflow {
 public:
  Outflow(const Limits& limits, UnsentBytes& of_connection)
      : limits_(limits), of_connection_(of_connection) {}
  ~Outflow() { set(0); }
  Outflow(const Outflow&) = delete;
  Outflow& operator=(const Outflow&) = delete;

  void set(std::size_t bytes) {
    of_connection_.change(bytes_, bytes);
    bytes_ = bytes;
  }
  std::size_t bytes() const { return bytes_; }
  bool has_room() const {
    return bytes_ == 0 || (bytes_ < limits_.stream_unsent_bytes_max && !of_connection_.full());
  }
  // After there was none. Only half of it, so that a producer is not woken for every frame that leaves.
  bool has_room_again() const { return bytes_ <= limits_.stream_unsent_bytes_max / 2 && has_room(); }

 private:
  const Limits& limits_;
  UnsentBytes& of_connection_;
  std::size_t bytes_ = 0;
};

}  // namespace cairn::rpc
