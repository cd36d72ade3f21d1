// Workload: what the calls of a benchmark ask. The request of each kind is encoded once; a call then
// only writes its keys and values into place, so that it is not the client that is measured. Threading: one
// thread. A Call's views are valid until the next one is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "load/options.h"

namespace cairn::load {

// Bytes that no compression shrinks, cut at any place: a snapshot of equal values would say nothing. What is
// long enough begins with when it was written (stamp.h).
class Values {
 public:
  Values(std::size_t value_bytes, Prng* random);
  std::string_view of(std::uint64_t number) const;

 private:
  std::size_t value_bytes_;
  std::string pool_;
};

// One encoded request and where its keys and values are.
class RequestTemplate {
 public:
  RequestTemplate() = default;
  // `bytes` holds the keys bench_key(0), bench_key(1) and so on; key i becomes that of number + i. A key
  // that is put is followed by its value, `value_bytes` dots.
  RequestTemplate(std::string_view path, std::string bytes, std::size_t value_bytes);
  // `bytes` holds two keys; the second becomes that of number + ahead.
  static RequestTemplate of_range(std::string_view path, std::string bytes, std::uint64_t ahead);

  std::string_view path() const { return path_; }
  const std::string& with(std::uint64_t number, const Values& values);

 private:
  struct Place {
    std::size_t at;
    std::uint64_t ahead;
    bool has_value;
  };
  std::string_view path_;
  std::string bytes_;
  std::size_t value_offset_ = 0;  // from the start of a key to its value
  std::uint64_t issued_ = 0;      // so that a key gets another value each time
  std::vector<Place> places_;
};

// All keys have the same length.
std::string bench_key(std::uint64_t number);

class Workload {
 public:
  struct Call {
    std::string_view path;
    std::string_view request;
    bool reads_keys = false;  // answered by a RangeResponse of everything asked for
  };

  explicit Workload(const Options& options);

  Call next();
  // Puts keys of batch `number`, each once over all batches.
  Call fill(std::uint64_t number);
  std::uint64_t fill_calls() const { return (options_.keys + fill_keys_ - 1) / fill_keys_; }
  // Counts the keys that the calls choose among.
  Call count();
  bool needs_keys() const;

 private:
  std::uint64_t next_number();

  const Options& options_;
  Prng random_;
  Values values_;
  RequestTemplate put_, get_, range_, txn_, delete_, fill_, fill_last_;
  std::string count_, grant_;
  std::uint64_t fill_keys_ = 1, issued_ = 0, deleted_number_ = 0;
};

}  // namespace cairn::load
