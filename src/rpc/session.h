// Session: the protocol of one client connection without its socket: bytes go in, bytes come out. What reads
// and writes the socket is Connection; fuzz targets and tests feed a Session directly. Owner: Connection.
// Threading: none of its own; never destroyed inside one of its own methods.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace cairn::rpc {

class Session {
 public:
  // Told that collect() has something to do, possibly many times a turn, possibly from inside receive().
  struct Owner {
    virtual ~Owner() = default;
    virtual void wake() = 0;
    virtual std::string_view common_name() const { return {}; }  // net::Channel's
  };

  virtual ~Session() = default;
  virtual void receive(std::string_view bytes, Time now) = 0;
  // Appends what is ready to be sent, stopping soon after *out holds bytes_max.
  virtual void collect(std::string* out, std::size_t bytes_max) = 0;
  // False while more input would only pile up.
  virtual bool wants_input() const = 0;
  // Once what was collected has been sent, the connection can be closed.
  virtual bool finished() const = 0;
  // Takes no new calls, lets those in progress end, then is finished.
  virtual void drain(Time now) = 0;
  // Called every now and then: enforces the time limits.
  virtual void check_time(Time now) = 0;
};

}  // namespace cairn::rpc
