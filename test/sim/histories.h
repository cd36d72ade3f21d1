// Histories recorded elsewhere, and the objects they talk to: one register (Jepsen's etcd logs) and a map of
// strings that grow by appending. They judge the checker before the checker judges Cairn. Threading: none;
// plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/linearizability.h"

namespace cairn::sim {

enum class RegisterCall : std::uint8_t { read, write, compare_and_set };

struct RegisterOperation {
  RegisterCall call = RegisterCall::read;
  std::optional<std::int64_t>
      value;                  // read: what was seen; write: what was written; compare_and_set: the new value
  std::int64_t expected = 0;  // compare_and_set
  bool succeeded = true;      // compare_and_set
  bool known = true;          // the outcome is known
};

struct RegisterHistory {
  std::vector<Span> spans;
  std::vector<RegisterOperation> operations;
};

enum class KvCall : std::uint8_t { get, put, append };

struct KvOperation {
  KvCall call = KvCall::get;
  std::string key, value;  // get: the value that was seen
};

struct KvHistory {
  std::vector<Span> spans;
  std::vector<KvOperation> operations;
};

Result<RegisterHistory> parse_register_history(const std::string& text);
Result<KvHistory> parse_kv_history(const std::string& text);

Linearization check(const RegisterHistory& history, std::uint64_t steps_max = kStepsMax);
// Keys do not know of one another, so each key's history is searched alone (P-compositionality).
Linearization check(const KvHistory& history, std::uint64_t steps_max = kStepsMax);

}  // namespace cairn::sim
