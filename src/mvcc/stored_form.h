// The form in which etcd's database has a record: the revision as its key, and a KeyValue message, of a
// deletion with the key alone. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "mvcc/record.h"

namespace cairn::mvcc {

void put_big_endian(std::uint64_t number, std::string* out);
// 17 bytes, and 't' behind those of a deletion.
void put_revision_key(std::int64_t revision, std::uint64_t sub, bool tombstone, std::string* out);
// What stands before the record's value, and behind it.
void put_stored_around(const Record& record, std::string* before, std::string* after);

}  // namespace cairn::mvcc
