#include "client/http_transport.h"

#include <cstdio>
#include <map>
#include <optional>
#include <thread>

#include "client/endpoint.h"
#include "client/secure.h"
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
  explicit HttpTransport(const Options& options)
      : connections_max_(options.connections_max), tls_(options.tls) {}
  std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                           std::chrono::milliseconds timeout) override {
    auto found = connections_.find(endpoint);
    if (found == connections_.end()) {
      const std::optional<Endpoint> address = parse_endpoint(endpoint);
      if (!address) return Failure{false, "an endpoint looks like http://127.0.0.1:2379"};
      rpc::HttpClient::Options options;
      if (address->secure) {
        Result<net::Layer> layer = secure_layer();
        if (!layer) return Failure{false, layer.error().message};
        options.layer = *std::move(layer);
      }
      if (connections_.size() >= connections_max_) connections_.clear();
      found = connections_.try_emplace(endpoint, address->host, address->port, std::move(options)).first;
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
  // The same for all endpoints, since its files are read for it.
  Result<net::Layer> secure_layer() {
    if (!layer_) layer_ = TRY(layer_to("", tls_, Http::one));
    return layer_;
  }

  const std::size_t connections_max_;
  const Tls tls_;
  net::Layer layer_;
  std::map<std::string, rpc::HttpClient> connections_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(const Options& options) {
  return std::make_unique<HttpTransport>(options);
}

}  // namespace cairn::client
