// Url: a listen or advertise URL of a member, checked and brought into one form, so that equal URLs are equal
// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::server {

struct Url {
  std::string text;  // "http://host:port" or https, lower case, IPv6 in brackets
  std::string host;  // without brackets
  std::uint16_t port = 0;
  bool secure = false;  // https
  bool operator==(const Url&) const = default;

  // What to bind to. The name stands for one address here, since binding both ::1 and 127.0.0.1 would fail on
  // machines that have only one of them.
  std::string listen_address() const { return host == "localhost" ? "127.0.0.1" : host; }
  bool loopback() const;  // reached from this machine only
  bool wildcard() const {
    return host == "0.0.0.0" || host == "::";
  }  // fine to listen on, not to be reached at
};

// Errors (invalid_argument) use etcd's words where etcd has words for it.
Result<Url> parse_url(std::string_view text);
Result<std::vector<Url>> parse_urls(std::string_view comma_separated, std::size_t urls_max);
// Only addresses of this machine can be listened on: an IP, or localhost.
Status check_listenable(const Url& url);

std::vector<std::string> texts(const std::vector<Url>& urls);  // in their order, which is the operator's
std::vector<std::string> sorted_texts(const std::vector<Url>& urls);
std::string joined(const std::vector<std::string>& texts);  // with commas

}  // namespace cairn::server
