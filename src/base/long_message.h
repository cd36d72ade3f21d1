// LongMessage: a message too large to be made in one go: first its size, then its bytes, piece by piece. Each
// call is a bounded amount of work, since whoever asks has others waiting meanwhile. Owner: whoever sends it;
// destroying it early gives back what it reads from. Threading: one thread at a time, whichever.
#pragma once

#include <cstddef>
#include <string>

namespace cairn {

class LongMessage {
 public:
  virtual ~LongMessage() = default;
  // Works towards the size; true once it is known. Called until then.
  virtual bool measure() = 0;
  // Of the whole message. Known after measure().
  virtual std::size_t size_bytes() const = 0;
  // Appends the next bytes, bytes_max at most; possibly none, when much had to be passed over.
  virtual void read(std::size_t bytes_max, std::string* out) = 0;
  // size_bytes() bytes have been read.
  virtual bool finished() const = 0;
};

}  // namespace cairn
