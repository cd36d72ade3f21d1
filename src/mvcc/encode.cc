#include "mvcc/encode.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "base/check.h"

namespace cairn::mvcc::encode {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::size_t kVarintMax = 10;
constexpr std::size_t kTagMax = 5;
constexpr int kFieldMax = 15;

std::uint8_t* write_number(std::uint8_t* to, int field, std::uint64_t value) {
  if (value == 0) return to;
  to =
      CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT), to);
  return CodedOutputStream::WriteVarint64ToArray(value, to);
}

std::uint8_t* write_length(std::uint8_t* to, int field, std::size_t size) {
  to = CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), to);
  return CodedOutputStream::WriteVarint64ToArray(size, to);
}

void append(std::string* out, const std::uint8_t* from, const std::uint8_t* to) {
  out->append(reinterpret_cast<const char*>(from), static_cast<std::size_t>(to - from));
}

std::size_t number_size(std::uint64_t value) {
  return value == 0 ? 0 : 1 + CodedOutputStream::VarintSize64(value);
}

std::size_t bytes_size(std::size_t size) { return 1 + CodedOutputStream::VarintSize64(size) + size; }

std::uint8_t* write_tail(std::uint8_t* to, std::int64_t lease) {
  return write_number(to, 6, static_cast<std::uint64_t>(lease));
}

}  // namespace

void number(std::string* out, int field, std::uint64_t value) {
  std::uint8_t buffer[kTagMax + kVarintMax];
  append(out, buffer, write_number(buffer, field, value));
}

void bytes(std::string* out, int field, std::string_view value) {
  std::uint8_t buffer[kTagMax + kVarintMax];
  append(out, buffer, write_length(buffer, field, value.size()));
  out->append(value);
}

void key_value_around(int field, const Record& record, bool with_value, std::string* before,
                      std::string* after) {
  const std::string_view key = record.key();
  const std::size_t value_size = with_value ? record.value().size() : 0;
  // What surrounds key and value is written apart first: its size belongs in front.
  std::uint8_t before_key[kTagMax + kVarintMax];
  std::uint8_t before_value[4 * (kTagMax + kVarintMax)];
  std::uint8_t tail[kTagMax + kVarintMax];
  const std::uint8_t* const before_key_end = write_length(before_key, 1, key.size());
  std::uint8_t* at = before_value;
  at = write_number(at, 2, static_cast<std::uint64_t>(record.create_revision()));
  at = write_number(at, 3, static_cast<std::uint64_t>(record.mod_revision()));
  at = write_number(at, 4, static_cast<std::uint64_t>(record.version()));
  if (value_size > 0) at = write_length(at, 5, value_size);
  const std::uint8_t* const tail_end = write_tail(tail, record.lease());

  const std::size_t size =
      static_cast<std::size_t>((before_key_end - before_key) + (at - before_value) + (tail_end - tail)) +
      key.size() + value_size;
  std::uint8_t front[kTagMax + kVarintMax];
  append(before, front, write_length(front, field, size));
  append(before, before_key, before_key_end);
  before->append(key);
  append(before, before_value, at);
  if (before == after && value_size > 0) before->append(record.value());
  append(after, tail, tail_end);
}

void key_value(std::string* out, int field, const Record& record, bool with_value) {
  key_value_around(field, record, with_value, out, out);
}

std::size_t key_value_size(int field, const Record& record, bool with_value) {
  static_assert(kFieldMax < 16);  // so that every tag is one byte
  CHECK(field <= kFieldMax);
  const std::size_t value = with_value ? record.value().size() : 0;
  return bytes_size(
      bytes_size(record.key().size()) + number_size(static_cast<std::uint64_t>(record.create_revision())) +
      number_size(static_cast<std::uint64_t>(record.mod_revision())) +
      number_size(static_cast<std::uint64_t>(record.version())) + (value == 0 ? 0 : bytes_size(value)) +
      number_size(static_cast<std::uint64_t>(record.lease())));
}

void nested_header(std::string* out, std::int64_t revision) {
  std::string header;
  number(&header, 3, static_cast<std::uint64_t>(revision));
  bytes(out, 1, header);
}

}  // namespace cairn::mvcc::encode
