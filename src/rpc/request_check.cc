#include "rpc/request_check.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace cairn::rpc {
namespace {

constexpr std::array<std::string_view, 4> kPseudoHeaders = {":method", ":scheme", ":path", ":authority"};
constexpr std::uint8_t kPseudoRequired = 0b0111;   // all but :authority
constexpr std::uint8_t kPseudoOfConnect = 0b1001;  // it names no resource
constexpr std::array<std::string_view, 5> kOfHttp1 = {"connection", "keep-alive", "proxy-connection",
                                                      "transfer-encoding", "upgrade"};

bool is_name_char(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
}

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_name_char);
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_value(std::string_view value) {
  if (!value.empty() && (is_space(value.front()) || is_space(value.back()))) return false;
  return value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

}  // namespace

void RequestCheck::header(std::string_view name, std::string_view value) {
  const bool pseudo = !name.empty() && name.front() == ':';
  if (!is_value(value) || !(pseudo ? pseudo_header_ok(name, value) : regular_header_ok(name, value)))
    malformed_ = true;
}

bool RequestCheck::pseudo_header_ok(std::string_view name, std::string_view value) {
  const auto known = std::find(kPseudoHeaders.begin(), kPseudoHeaders.end(), name);
  if (known == kPseudoHeaders.end() || regular_seen_) return false;
  const auto bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(known - kPseudoHeaders.begin()));
  if ((pseudo_seen_ & bit) != 0) return false;
  pseudo_seen_ |= bit;
  if (name == ":method" && value == "CONNECT") is_connect_ = true;
  return !value.empty() || name == ":authority";
}

bool RequestCheck::regular_header_ok(std::string_view name, std::string_view value) {
  regular_seen_ = true;
  if (!is_name(name)) return false;
  if (std::find(kOfHttp1.begin(), kOfHttp1.end(), name) != kOfHttp1.end()) return false;
  if (name == "te") return value == "trailers";
  if (name != "content-length") return true;
  if (content_length_) return false;
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (error != std::errc() || end != value.data() + value.size()) return false;
  content_length_ = length;
  return true;
}

void RequestCheck::end_of_headers() {
  if (is_connect_ ? pseudo_seen_ != kPseudoOfConnect : (pseudo_seen_ & kPseudoRequired) != kPseudoRequired)
    malformed_ = true;
}

void RequestCheck::body(std::size_t size_bytes) {
  body_bytes_ += size_bytes;
  if (content_length_ && body_bytes_ > *content_length_) malformed_ = true;
}

void RequestCheck::trailer(std::string_view name, std::string_view value) {
  if (!is_name(name) || !is_value(value)) malformed_ = true;  // a colon is no character of a name
}

void RequestCheck::end_of_trailers(bool end_of_stream) {
  if (!end_of_stream) malformed_ = true;
}

void RequestCheck::end_of_stream() {
  if (!body_complete()) malformed_ = true;
}

}  // namespace cairn::rpc
