// Shares: what the sessions of one server share out among themselves: turns for their long replies, memory
// for requests that have arrived in part, places for streams and memory for what these have not sent yet.
// Owner: what the connections of a server share. Threading: the io_context's thread.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "rpc/limits.h"
#include "rpc/long_replies.h"
#include "rpc/outflow.h"

namespace cairn::rpc {

// RequestMemory: bounds the requests that wait for the rest of themselves, all connections together. Each
// message is bounded too, but ten thousand connections with a thousand streams each add up.
class RequestMemory {
 public:
  explicit RequestMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  // One request held *held bytes and now needs `bytes`. False, and nothing changed, when they are not there.
  bool resize(std::size_t* held, std::size_t bytes) {
    if (bytes > *held && bytes - *held > bytes_max_ - bytes_) return false;
    bytes_ = bytes_ - *held + bytes;
    *held = bytes;
    return true;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
};

// StreamPlaces: how many streams are open, all connections together. What each costs is in
// docs/performance.md.
class StreamPlaces {
 public:
  explicit StreamPlaces(std::size_t streams_max) : streams_max_(streams_max) {}
  class Place {  // taken when there is one, which full() says; given back by destroying it
   public:
    explicit Place(StreamPlaces& of) : of_(of) { ++of_.open_; }
    ~Place() { --of_.open_; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    StreamPlaces& of_;
  };
  bool full() const { return open_ >= streams_max_; }
  std::size_t open() const { return open_; }

 private:
  const std::size_t streams_max_;
  std::size_t open_ = 0;
};

struct Shares {
  Shares(const Limits& limits, std::function<void()> soon)
      : long_replies(limits, std::move(soon)),
        requests(limits.arriving_request_bytes_max),
        streams(limits.open_streams_max),
        unsent(limits.server_unsent_bytes_max) {}
  LongReplies long_replies;
  RequestMemory requests;
  StreamPlaces streams;
  UnsentBytes unsent;
};

}  // namespace cairn::rpc
