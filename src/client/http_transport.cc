#include "client/http_transport.h"

#include <cstdio>
#include <map>
#include <optional>
#include <thread>

#include "client/endpoint.h"
#include "rpc/client.h"

namespace cairn::client {
namespace {

// "1.7 s".
std::string in_seconds(std::chrono::milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", static_cast<double>(time.count()) / 1000);
  return text;
}

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(std::size_t connections_max) : connections_max_(connections_max) {}
  std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                           std::chrono::milliseconds timeout) override {
    auto found = connections_.find(endpoint);
    if (found == connections_.end()) {
      const std::optional<Endpoint> address = parse_endpoint(endpoint);
      if (!address) return Failure{false, "an endpoint looks like http://127.0.0.1:2379"};
      if (connections_.size() >= connections_max_) connections_.clear();
      found = connections_.try_emplace(endpoint, address->host, address->port).first;
    }
    auto reply =
        found->second.request({request.method, request.target, request.headers, request.body}, timeout);
    if (reply.error.failure == rpc::HttpClient::Failure::timeout)
      return Failure{true, "no answer within " + in_seconds(timeout)};
    if (!reply) return Failure{!reply.error.nothing_sent(), reply.error.message};
    return Response{reply.response->status, std::move(reply.response->headers),
                    std::move(reply.response->body)};
  }
  void sleep(std::chrono::milliseconds duration) override { std::this_thread::sleep_for(duration); }

 private:
  const std::size_t connections_max_;
  std::map<std::string, rpc::HttpClient> connections_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(std::size_t connections_max) {
  return std::make_unique<HttpTransport>(connections_max);
}

}  // namespace cairn::client
