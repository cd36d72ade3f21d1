// Response messages written straight from records: a list of 100,000 keys is one pass over them, without a
// message object for each. The bytes are protobuf's own: fields in order, defaults left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mvcc/record.h"

namespace cairn::mvcc::encode {

// What key_value adds to key and value: at most nine tags and varints.
inline constexpr std::size_t kKeyValueOverheadMax = 9 * 15;

void number(std::string* out, int field, std::uint64_t value);  // nothing for 0
void bytes(std::string* out, int field, std::string_view value);
void key_value(std::string* out, int field, const Record& record, bool with_value = true);
// The same in three pieces, so that a large value need not be copied whole: what stands before it and what
// follows it; the value itself is the record's. When both are the same string, the value goes in between.
void key_value_around(int field, const Record& record, bool with_value, std::string* before,
                      std::string* after);
// How many bytes key_value appends.
std::size_t key_value_size(int field, const Record& record, bool with_value = true);
// The header inside a txn's response: it names the revision and nothing else, as in etcd.
void nested_header(std::string* out, std::int64_t revision);

}  // namespace cairn::mvcc::encode
