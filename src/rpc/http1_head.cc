#include "rpc/http1_head.h"

#include <algorithm>
#include <vector>

namespace cairn::rpc {
namespace {

using Refused = std::optional<HeadRefusal>;

constexpr std::string_view kScheme = "http://";

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char left, char right) {
    return (left >= 'A' && left <= 'Z' ? static_cast<char>(left - 'A' + 'a') : left) == right;
  });
}

bool is_absolute(std::string_view target) {
  return target.size() >= kScheme.size() && equal_ignoring_case(target.substr(0, kScheme.size()), kScheme);
}

std::string_view authority_of(std::string_view absolute) {
  const std::string_view rest = absolute.substr(kScheme.size());
  return rest.substr(0, rest.find_first_of("/?"));
}

std::vector<std::string_view> values_of(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [each, value] : headers)
    if (each == name) values.emplace_back(value);
  return values;
}

// A name or address, and perhaps a port: RFC 9110 7.2. May be empty.
bool is_authority(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~!$&'()*+,;=:[]%").find(c) != std::string_view::npos;
  });
}

Refused check_host(const Http1Head& head) {
  const auto hosts = values_of(head.headers, "host");
  if (hosts.size() > 1) return HeadRefusal{400, "the request has more than one Host"};
  if (hosts.empty()) {
    if (head.version >= 11) return HeadRefusal{400, "the request has no Host, which HTTP/1.1 requires"};
    return std::nullopt;
  }
  if (!is_authority(hosts.front())) return HeadRefusal{400, "the Host is no name or address with a port"};
  return std::nullopt;
}

Refused check_target(const Http1Head& head) {
  if (head.method == "CONNECT") return HeadRefusal{501, "CONNECT is not served: this is no proxy"};
  if (head.target.find('#') != std::string_view::npos)
    return HeadRefusal{400, "the request target has a '#', which ends a path: write %23 where one is meant"};
  if (head.target.starts_with('/')) return std::nullopt;
  if (head.target == "*") {
    if (head.method == "OPTIONS") return std::nullopt;
    return HeadRefusal{400, "the request target * is for OPTIONS alone"};
  }
  if (!is_absolute(head.target)) return HeadRefusal{400, "the request target is no path"};
  const std::string_view authority = authority_of(head.target);
  if (authority.empty() || !is_authority(authority))
    return HeadRefusal{400, "the request target names no host"};
  return std::nullopt;
}

// RFC 9112 6.1 and 6.3: the body is of one length, in one coding that is understood.
Refused check_framing(const Http1Head& head) {
  const auto codings = values_of(head.headers, "transfer-encoding");
  const auto lengths = values_of(head.headers, "content-length");
  if (lengths.size() > 1) return HeadRefusal{400, "the request has more than one Content-Length"};
  if (codings.empty()) return std::nullopt;
  if (head.version < 11) return HeadRefusal{400, "HTTP/1.0 knows no Transfer-Encoding"};
  if (!lengths.empty()) return HeadRefusal{400, "the request has a Transfer-Encoding and a Content-Length"};
  if (codings.size() == 1 && equal_ignoring_case(codings.front(), "chunked")) return std::nullopt;
  return HeadRefusal{501, "the Transfer-Encoding is not understood: only 'chunked' is"};
}

Refused check_expectation(const Http1Head& head) {
  for (const std::string_view expected : values_of(head.headers, "expect"))
    if (!equal_ignoring_case(expected, "100-continue"))
      return HeadRefusal{417, "the expectation is not understood: only '100-continue' is"};
  return std::nullopt;
}

}  // namespace

std::optional<HeadRefusal> check_head(const Http1Head& head) {
  if (head.folded) return HeadRefusal{400, "a header goes on in a line of its own (obs-fold)"};
  if (head.version != 10 && head.version != 11)
    return HeadRefusal{505, "HTTP/1.1, 1.0 and 2 are spoken here"};
  for (const auto check : {check_target, check_host, check_framing, check_expectation})
    if (Refused refused = check(head)) return refused;
  return std::nullopt;
}

std::string origin_form(std::string_view target) {
  if (!is_absolute(target)) return std::string(target);
  target.remove_prefix(kScheme.size() + authority_of(target).size());
  return target.starts_with('/') ? std::string(target) : "/" + std::string(target);
}

bool FoldFinder::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (last_ == '\n' && (c == ' ' || c == '\t')) found_ = true;
    last_ = c;
  }
  return found_;
}

}  // namespace cairn::rpc
