#include "client/login.h"

#include <utility>

#include "base/percent.h"
#include "client/codec.h"

namespace cairn::client {
namespace {

using std::chrono::milliseconds;

class AsUser final : public Transport {
 public:
  AsUser(User user, std::unique_ptr<Transport> below) : user_(std::move(user)), below_(std::move(below)) {}

  std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                           milliseconds timeout) override {
    const auto end = now() + timeout;
    const bool is_known = is_known_;
    if (!is_known)
      if (auto refused = log_in(endpoint, timeout)) return *std::move(refused);
    auto answer = below_->exchange(endpoint, signed_by_us(request), left(end));
    const auto* const response = std::get_if<Response>(&answer);
    // It was refused before anything was done: another login does no harm.
    if (!is_known || response == nullptr || response->status != 401) return answer;
    is_known_ = false;
    authorization_.clear();
    if (auto refused = log_in(endpoint, left(end))) return *std::move(refused);
    return below_->exchange(endpoint, signed_by_us(request), left(end));
  }
  std::chrono::steady_clock::time_point now() override { return below_->now(); }
  void sleep(milliseconds duration) override { below_->sleep(duration); }

 private:
  milliseconds left(std::chrono::steady_clock::time_point end) {
    return std::max(std::chrono::duration_cast<milliseconds>(end - now()), milliseconds(1));
  }

  Request signed_by_us(Request request) const {
    if (!authorization_.empty()) request.headers.emplace_back("authorization", authorization_);
    return request;
  }

  // Nothing, and then requests can go out; or why not, which is the answer to what was to be asked.
  std::optional<std::variant<Response, Failure>> log_in(const std::string& endpoint, milliseconds timeout) {
    const Json body = {{"name", user_.name}, {"password", user_.password}};
    auto answer = below_->exchange(
        endpoint, {"POST", "/v3/auth/authenticate", {{"content-type", "application/json"}}, body.dump()},
        timeout);
    auto* const response = std::get_if<Response>(&answer);
    if (response == nullptr) {
      std::get<Failure>(answer).sent = false;  // of what was to be asked, nothing
      return answer;
    }
    const std::optional<Json> json = parse_body(*response);
    if (response->status == 200 && json && json->contains("token") && (*json)["token"].is_string()) {
      is_known_ = true;
      authorization_ = "Bearer " + (*json)["token"].get<std::string>();
      return std::nullopt;
    }
    if (response->status == 404) {
      is_known_ = true;
      authorization_ = "Basic " + base64_encode(user_.name + ":" + user_.password);
      return std::nullopt;
    }
    const std::string said =
        json && json->contains("message") && (*json)["message"].is_string() ? (*json)["message"] : Json("");
    is_known_ = said.find("authentication is not enabled") != std::string::npos;
    if (is_known_) return std::nullopt;
    // In this text the user is wrong, not the request; elsewhere it may be any.
    if (said.find("authentication failed") != std::string::npos) response->status = 401;
    return answer;
  }

  const User user_;
  const std::unique_ptr<Transport> below_;
  bool is_known_ = false;      // how requests are sent: as below, until one is refused
  std::string authorization_;  // empty: as nobody
};

}  // namespace

std::unique_ptr<Transport> as_user(User user, std::unique_ptr<Transport> transport) {
  if (user.name.empty()) return transport;
  return std::make_unique<AsUser>(std::move(user), std::move(transport));
}

}  // namespace cairn::client
