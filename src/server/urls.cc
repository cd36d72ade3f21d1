#include "server/urls.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <charconv>

namespace cairn::server {
namespace {

tl::unexpected<Error> bad(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

}  // namespace

bool Url::loopback() const {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(listen_address(), error);
  return !error && address.is_loopback();
}

Result<Url> parse_url(std::string_view text) {
  const std::string quoted = '"' + std::string(text) + '"';
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!parsed) {
    return bad(quoted + " is not a URL: write it like http://127.0.0.1:2380");
  }
  const boost::urls::url_view& uri = *parsed;
  std::string scheme = uri.scheme();
  std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (scheme == "unix" || scheme == "unixs")
    return bad("URL " + quoted + " is a unix socket, which is not supported: use http://HOST:PORT");
  if (scheme != "http" && scheme != "https")
    return bad("URL scheme must be http or https: " + quoted + "; write it like http://127.0.0.1:2380");
  if (uri.has_userinfo()) return bad("URL must not contain a user or password: " + quoted);
  if (!uri.encoded_path().empty() || uri.has_query() || uri.has_fragment()) {
    return bad("URL must not contain a path: " + quoted);
  }
  const std::string digits = uri.port();
  if (uri.encoded_host().empty() || digits.empty())
    return bad("URL address does not have the form \"host:port\": " + quoted);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  // Port 0 would be another one at every start, and nobody could be told which.
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0)
    return bad("URL port " + digits + " is not between 1 and 65535: " + quoted);
  Url url;
  url.host = uri.host_type() == boost::urls::host_type::ipv6 ? uri.host_address() : uri.host();
  std::transform(url.host.begin(), url.host.end(), url.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  url.port = port;
  url.secure = scheme == "https";
  const bool ipv6 = uri.host_type() == boost::urls::host_type::ipv6;
  url.text = scheme + "://" + (ipv6 ? '[' + url.host + ']' : url.host) + ':' + std::to_string(port);
  return url;
}

Result<std::vector<Url>> parse_urls(std::string_view comma_separated, std::size_t urls_max) {
  std::vector<Url> urls;
  while (true) {
    const auto comma = comma_separated.find(',');
    std::string_view item = comma_separated.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (item.empty())
      return bad("a URL is missing: give one or more like http://127.0.0.1:2380, separated by commas");
    Url url = TRY(parse_url(item));
    if (std::find(urls.begin(), urls.end(), url) != urls.end()) return bad("URL given twice: " + url.text);
    if (urls.size() == urls_max) return bad("more than " + std::to_string(urls_max) + " URLs");
    urls.push_back(std::move(url));
    if (comma == std::string_view::npos) return urls;
    comma_separated.remove_prefix(comma + 1);
  }
}

Status check_listenable(const Url& url) {
  boost::system::error_code not_numeric;
  boost::asio::ip::make_address(url.host, not_numeric);
  if (!not_numeric || url.host == "localhost") return {};
  return bad("expected IP in URL for binding (" + url.text +
             "): a name cannot be listened on; use an address of this machine, or " +
             (url.secure ? "https" : "http") + "://0.0.0.0:" + std::to_string(url.port));
}

std::vector<std::string> texts(const std::vector<Url>& urls) {
  std::vector<std::string> all;
  all.reserve(urls.size());
  for (const Url& url : urls) all.push_back(url.text);
  return all;
}

std::vector<std::string> sorted_texts(const std::vector<Url>& urls) {
  std::vector<std::string> all = texts(urls);
  std::sort(all.begin(), all.end());
  return all;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (!all.empty()) all += ',';
    all += text;
  }
  return all;
}

}  // namespace cairn::server
