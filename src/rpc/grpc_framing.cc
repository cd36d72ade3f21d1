#include "rpc/grpc_framing.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace cairn::rpc {
namespace {

constexpr std::size_t kTimeoutDigitsMax = 8;  // from the gRPC specification
constexpr std::size_t kFirstReserveBytes =
    64 * 1024;  // a claimed length alone never allocates more than this
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

std::optional<std::int64_t> unit_nanoseconds(char unit) {
  switch (unit) {
    case 'H':
      return 3'600'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return std::nullopt;
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint32_t big_endian(const char* bytes) {
  const auto at = [bytes](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  return (at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3);
}

}  // namespace

void append_prefix(std::string* out, std::size_t size) {
  CHECK(size <= kMessageBytesMax);
  const char prefix[kPrefixBytes] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                     static_cast<char>(size >> 8), static_cast<char>(size)};
  out->append(prefix, kPrefixBytes);
}

void append_message(std::string* out, std::string_view head, std::string_view body) {
  const std::size_t size = head.size() + body.size();
  if (out->capacity() - out->size() < kPrefixBytes + size) {
    out->reserve(std::max(out->size() + kPrefixBytes + size, out->capacity() * 2));
  }
  append_prefix(out, size);
  out->append(head).append(body);
}

std::optional<Duration> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kTimeoutDigitsMax + 1) return std::nullopt;
  const auto unit = unit_nanoseconds(text.back());
  if (!unit) return std::nullopt;
  text.remove_suffix(1);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 0) return std::nullopt;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 4;  // room to add it to a time
  if (count > kMax / *unit) return std::chrono::nanoseconds(kMax);
  return std::chrono::nanoseconds(count * *unit);
}

std::string format_timeout(Duration timeout) {
  const std::int64_t nanoseconds =
      std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(timeout).count(), 1);
  for (const char unit : {'n', 'u', 'm', 'S', 'M'}) {
    const std::int64_t size = *unit_nanoseconds(unit);
    const std::int64_t count = nanoseconds / size + (nanoseconds % size != 0 ? 1 : 0);
    if (count <= 99'999'999) return std::to_string(count) + unit;
  }
  return std::to_string(nanoseconds / *unit_nanoseconds('H') + 1) + 'H';
}

std::string encode_status_message(std::string_view message) {
  std::string encoded;
  encoded.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHexDigits[byte >> 4]);
      encoded.push_back(kHexDigits[byte & 15]);
    }
  }
  return encoded;
}

std::string decode_status_message(std::string_view encoded) {
  std::string message;
  message.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == '%' && i + 2 < encoded.size()) {
      const int high = hex_value(encoded[i + 1]);
      const int low = hex_value(encoded[i + 2]);
      if (high >= 0 && low >= 0) {
        message.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    message.push_back(encoded[i]);  // the specification wants broken escapes passed on, not refused
  }
  return message;
}

bool is_grpc_content_type(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (!value.starts_with(kType)) return false;
  value.remove_prefix(kType.size());
  return value.empty() || value.front() == '+' || value.front() == ';';
}

std::string_view code_text(Code code) {
  static constexpr std::array<std::string_view, 17> kTexts = {
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
  const auto number = static_cast<std::size_t>(code);
  return number < kTexts.size() ? kTexts[number] : kTexts[2];
}

MessageReader::Step MessageReader::read_prefix(std::string_view* input) {
  const std::size_t take = std::min(kPrefixBytes - prefix_size_, input->size());
  std::memcpy(prefix_ + prefix_size_, input->data(), take);
  prefix_size_ += take;
  input->remove_prefix(take);
  if (prefix_size_ < kPrefixBytes) return Step::need_more;
  length_ = big_endian(prefix_ + 1);
  if (length_ > bytes_max_) return Step::too_large;
  if (prefix_[0] != 0) return Step::compressed;
  return Step::message;
}

MessageReader::Step MessageReader::next(std::string_view* input, std::string_view* message) {
  if (handed_out_) {
    buffer_.clear();
    handed_out_ = false;
  }
  if (prefix_size_ < kPrefixBytes) {
    if (input->empty()) return Step::need_more;
    const Step step = read_prefix(input);
    if (step != Step::message) return step;
    if (input->size() < length_) buffer_.reserve(std::min<std::size_t>(length_, kFirstReserveBytes));
  }
  if (buffer_.empty() && input->size() >= length_) {
    *message = input->substr(0, length_);
    input->remove_prefix(length_);
    prefix_size_ = 0;
    return Step::message;
  }
  const std::size_t take = std::min(length_ - buffer_.size(), input->size());
  buffer_.append(input->substr(0, take));
  input->remove_prefix(take);
  if (buffer_.size() < length_) return Step::need_more;
  *message = buffer_;
  handed_out_ = true;
  prefix_size_ = 0;
  return Step::message;
}

MessageReader::Step MessageReader::next_piece(std::string_view* input, std::string_view* piece) {
  *piece = {};
  if (prefix_size_ < kPrefixBytes) {
    if (input->empty()) return Step::need_more;
    if (const Step step = read_prefix(input); step != Step::message) return step;
    passed_ = 0;
  }
  *piece = input->substr(0, length_ - passed_);
  input->remove_prefix(piece->size());
  passed_ += static_cast<std::uint32_t>(piece->size());
  if (passed_ < length_) return Step::need_more;
  prefix_size_ = 0;
  return Step::message;
}

void MessageReader::release() { std::string().swap(buffer_); }

std::string_view MessageReader::hold(std::string_view message) {
  if (!handed_out_) {
    buffer_.assign(message);
    handed_out_ = true;
  }
  return buffer_;
}

}  // namespace cairn::rpc
