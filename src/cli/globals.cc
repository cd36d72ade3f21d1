#include "cli/globals.h"

#include <cstdint>
#include <cstdlib>

#include "cli/password.h"
#include "client/endpoint.h"
#include "client/secure.h"

namespace cairn::cli {
namespace {

constexpr char kSecureEndpointDefault[] = "https://127.0.0.1:2379";

std::string given_or_set(const std::optional<std::string>& flag, const char* variable) {
  if (flag) return *flag;
  const char* const set = std::getenv(variable);
  return set == nullptr ? "" : set;
}

}  // namespace

// How https endpoints are spoken to, or an error to report.
std::string complete_tls(const Globals& globals, Context* context) {
  client::Tls& tls = context->tls;
  tls.ca_file = given_or_set(globals.cacert, "CAIRN_CACERT");
  tls.certificate_file = given_or_set(globals.cert, "CAIRN_CERT");
  tls.key_file = given_or_set(globals.key, "CAIRN_KEY");
  const bool is_given = globals.cacert || globals.cert || globals.key;
  bool is_secure = false;
  for (const std::string& each : context->endpoints) {
    const auto endpoint = client::parse_endpoint(each);
    if (!endpoint)
      return "'" + each +
             "' is not an endpoint: write it like http://127.0.0.1:2379, with a port up to 65535";
    is_secure = is_secure || endpoint->secure;
    if (is_given && !endpoint->secure)
      return each +
             " would be spoken to in plaintext, though --cacert, --cert or --key is given: write https://";
  }
  if (!is_secure) return "";
  const auto layer = client::layer_to("", tls, client::Http::one);
  return layer ? "" : layer.error().message;
}

// What is asked of whom, or an error to report.
std::string complete(const Globals& globals, Context* context) {
  // An empty variable of a script must not lead to another cluster.
  if (globals.endpoints && globals.endpoints->empty()) return "the list of endpoints is empty";
  std::string endpoints = given_or_set(globals.endpoints, "CAIRN_ENDPOINTS");
  const bool asks_for_tls = globals.cacert || globals.cert || globals.key;
  if (endpoints.empty()) endpoints = asks_for_tls ? kSecureEndpointDefault : kEndpointDefault;
  context->endpoints = split(endpoints, ',');
  for (std::string& each : context->endpoints) {
    if (each.find("://") == std::string::npos) each = (asks_for_tls ? "https://" : "http://") + each;
    while (each.back() == '/') each.pop_back();
  }
  if (context->endpoints.empty()) return "the list of endpoints is empty";
  context->timeout = std::chrono::milliseconds(static_cast<std::int64_t>(globals.timeout_seconds * 1000));
  context->format = globals.format == "json"    ? Format::json
                    : globals.format == "table" ? Format::table
                                                : Format::human;
  return "";
}

// Who asks, or an error to report. A password on the command line is one that all of this machine can read.
std::string complete_user(const Globals& globals, Context* context) {
  std::string name = given_or_set(globals.user, "CAIRN_USER");
  if (name.empty()) return globals.password_file ? "--user-password-file needs --user" : "";
  const std::size_t colon = name.find(':');
  if (colon != std::string::npos && globals.user)
    return "the password of --user would stand where everybody on this machine can read it: leave it out, "
           "and "
           "type it, or give CAIRN_PASSWORD or --user-password-file";
  context->user.name = name.substr(0, colon);
  const char* const set = std::getenv("CAIRN_PASSWORD");
  if (globals.password_file) {
    auto password = password_in(*globals.password_file);
    if (!password) return password.error().message;
    context->user.password = *std::move(password);
  } else if (colon != std::string::npos) {
    context->user.password = name.substr(colon + 1);
  } else if (set != nullptr) {
    context->user.password = set;
  } else {
    auto password = ask_password(*context, "password of " + name);
    if (!password) return password.error().message;
    context->user.password = *std::move(password);
  }
  return "";
}

}  // namespace cairn::cli
