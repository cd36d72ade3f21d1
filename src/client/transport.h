// Transport: one HTTP exchange with one endpoint, the seam under Client's decisions. Blocking.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cairn::client {

struct Request {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
struct Response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return "";
  }
};
struct Failure {
  bool sent = false;  // the request may have reached the server
  std::string cause;  // "connection refused"
};

class Transport {
 public:
  virtual ~Transport() = default;
  // `endpoint` is "http://host:port", or https.
  virtual std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                                   std::chrono::milliseconds timeout) = 0;
  // Time as the client sees it, so that tests need none.
  virtual std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }
  virtual void sleep(std::chrono::milliseconds duration) = 0;
};

}  // namespace cairn::client
