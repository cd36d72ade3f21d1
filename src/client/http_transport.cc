#include "client/http_transport.h"

#include <charconv>
#include <map>
#include <optional>
#include <thread>

#include "rpc/client.h"

namespace cairn::client {
namespace {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

// "http://host:port", "http://[::1]:port".
std::optional<Address> parse_endpoint(std::string_view endpoint) {
  constexpr std::string_view kScheme = "http://";
  if (endpoint.substr(0, kScheme.size()) != kScheme) return std::nullopt;
  endpoint.remove_prefix(kScheme.size());
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Address address;
  const std::string_view port = endpoint.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size() || address.port == 0) return std::nullopt;
  std::string_view host = endpoint.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  address.host = std::string(host);
  return address;
}

class HttpTransport final : public Transport {
 public:
  std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                           std::chrono::milliseconds timeout) override {
    auto found = connections_.find(endpoint);
    if (found == connections_.end()) {
      std::optional<Address> address = parse_endpoint(endpoint);
      if (!address) return Failure{false, "an endpoint looks like http://127.0.0.1:2379"};
      if (connections_.size() >= kConnectionsMax) connections_.clear();
      found = connections_.try_emplace(endpoint, address->host, address->port).first;
    }
    auto reply =
        found->second.request({request.method, request.target, request.headers, request.body}, timeout);
    if (!reply) return Failure{!reply.error.nothing_sent(), reply.error.message};
    return Response{reply.response->status, std::move(reply.response->headers),
                    std::move(reply.response->body)};
  }
  void sleep(std::chrono::milliseconds duration) override { std::this_thread::sleep_for(duration); }

 private:
  static constexpr std::size_t kConnectionsMax = 64;
  std::map<std::string, rpc::HttpClient> connections_;
};

}  // namespace

bool is_endpoint(std::string_view text) { return parse_endpoint(text).has_value(); }

std::unique_ptr<Transport> make_http_transport() { return std::make_unique<HttpTransport>(); }

}  // namespace cairn::client
