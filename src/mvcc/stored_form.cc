#include "mvcc/stored_form.h"

#include "base/codec.h"
#include "mvcc/encode.h"

namespace cairn::mvcc {

void put_big_endian(std::uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift & 255));
}

void put_revision_key(std::int64_t revision, std::uint64_t sub, bool tombstone, std::string* out) {
  put_big_endian(static_cast<std::uint64_t>(revision), out);
  out->push_back('_');
  put_big_endian(sub, out);
  if (tombstone) out->push_back('t');
}

void put_stored_around(const Record& record, std::string* before, std::string* after) {
  encode::bytes(before, 1, record.key());
  if (record.tombstone()) return;
  encode::number(before, 2, static_cast<std::uint64_t>(record.create_revision()));
  encode::number(before, 3, static_cast<std::uint64_t>(record.mod_revision()));
  encode::number(before, 4, static_cast<std::uint64_t>(record.version()));
  if (!record.value().empty()) {
    constexpr char kValueTag = 5 << 3 | 2;
    before->push_back(kValueTag);
    codec::put_varint(before, record.value().size());
  }
  encode::number(after, 6, static_cast<std::uint64_t>(record.lease()));
}

}  // namespace cairn::mvcc
