// What a load is made of: the options of `cairn bench`, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cairn::load {

struct Options {
  std::string kind = "put";  // put, get, range, txn, mixed, delete, fill
  int connections = 4, streams = 10;
  double seconds = 10;
  std::size_t value_bytes = 256;
  std::uint64_t keys = 10000;
  std::uint64_t range_keys = 100;
  std::uint64_t reads = 50;  // per cent of mixed
  double rate = 0;           // operations a second; 0: as fast as answers come
  std::string record;        // a file that gets a line for every operation
  bool json = false, serializable = false, sequential = false, no_progress = false;
};

}  // namespace cairn::load
