// Response messages written straight from records: a list of 100,000 keys is one pass over them, without a
// message object for each. The bytes are protobuf's own: fields in order, defaults left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mvcc/record.h"

namespace cairn::mvcc::encode {

void number(std::string* out, int field, std::uint64_t value);  // nothing for 0
void bytes(std::string* out, int field, std::string_view value);
void key_value(std::string* out, int field, const Record& record, bool with_value = true);
// How many bytes that appends.
std::size_t key_value_size(int field, const Record& record, bool with_value = true);
// The header inside a txn's response: it names the revision and nothing else, as in etcd.
void nested_header(std::string* out, std::int64_t revision);

}  // namespace cairn::mvcc::encode
