// What a load is made of: the options of `cairn bench`, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "client/client.h"

namespace cairn::load {

struct Options {
  std::string kind = "put";  // put, get, range, txn, mixed, delete, fill, watch, grant, keep-alive
  int connections = 4, streams = 10;
  double seconds = 10;
  std::size_t value_bytes = 256;
  std::uint64_t keys = 10000;
  std::uint64_t range_keys = 100;
  std::uint64_t reads = 50;                            // per cent of mixed
  std::uint64_t watches = 1000, watch_streams = 1000;  // of watch; streams of them
  std::int64_t ttl_seconds = 60;                       // of grant and keep-alive
  double rate = 0;                                     // operations a second; 0: as fast as answers come
  std::string record;                                  // a file that gets a line for every operation
  bool json = false, serializable = false, sequential = false, no_progress = false;
  bool idle = false;     // watch: keys that nobody writes
  bool stalled = false;  // watch: nothing is read once they stand
  client::Tls tls{};     // of https endpoints
};

}  // namespace cairn::load
