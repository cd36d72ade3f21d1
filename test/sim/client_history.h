// What clients asked, what they were told and when; and the sequential store that they ought to have talked
// to. Deliberately written apart from src/mvcc: the two must agree without sharing code. Threading: none;
// plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/linearizability.h"

namespace cairn::sim {

struct KeyState {
  std::string value;
  std::int64_t create_revision = 0, mod_revision = 0, version = 0;
  bool operator==(const KeyState&) const = default;
};

// One form for all calls. A put or delete has one write, a get has none and a read_key, compare-and-set has a
// guard, a transaction has a guard and several writes. Where the guard does not hold, read_key is read
// instead.
// The second key of transactions over two.
inline std::string second_key(const std::string& key) { return key + "'"; }

struct Request {
  struct Write {
    std::string key;
    std::optional<std::string> value;  // none: the key is deleted
  };
  struct Guard {
    std::string key;
    std::int64_t mod_revision = 0;  // 0: the key does not exist
  };
  std::vector<Write> writes;
  std::optional<Guard> guard;
  std::string read_key;
  // How much the write may read, which is then, in either branch, its key and the second one of that name;
  // refused beyond. 0: no bound, and it reads nothing but read_key.
  std::uint64_t answer_bytes_max = 0;
  bool is_write() const { return !writes.empty(); }
};

struct Reply {
  std::int64_t revision = 0;
  bool held = true;          // the guard
  std::int64_t deleted = 0;  // keys that existed and do not any more
  std::optional<KeyState> seen;
  bool operator==(const Reply&) const = default;
};

// What the reply and the state after it would be.
struct Store {
  std::int64_t revision = 1;  // as etcd's empty store
  std::map<std::string, KeyState> keys;
  bool operator==(const Store&) const = default;

  Reply execute(const Request& request);
  std::string encode() const;
  static Store decode(const std::string& text);
};

struct ClientHistory {
  struct Item {
    Request request;
    std::optional<Reply> reply;  // none: the outcome is unknown
    Span span;
    std::string label;     // for messages: which client, which call, at which member
    bool refused = false;  // every try of it, because of some limit: it surely never happened
  };
  std::vector<Item> items;
};

std::string describe(const Request& request);
std::string describe(const Reply& reply);

// The black-box search over the whole store: replies show the global revision, so keys cannot be searched
// apart.
Linearization check(const ClientHistory& history, std::uint64_t steps_max = kStepsMax);

}  // namespace cairn::sim
