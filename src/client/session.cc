#include "client/session.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

namespace cairn::client {
namespace {

using std::chrono::milliseconds;

std::string origin_of(const std::string& url) {
  const std::size_t host = url.find("://");
  if (host == std::string::npos) return "";
  return url.substr(0, url.find('/', host + 3));
}

constexpr std::string_view kKeyTooOld = "idempotency_key_too_old";
constexpr std::string_view kBadKeyRevision = "idempotency_revision_invalid";

Reason reason_of(int status, const std::string& code, bool is_write) {
  if (code == "key_not_found") return Reason::key_not_found;
  if (code == "lease_not_found") return Reason::lease_not_found;
  if (code == kKeyTooOld) return Reason::outcome_unknown;
  switch (status) {
    case 410:
      return Reason::compacted;
    case 412:
      return Reason::precondition_failed;
    case 429:
    case 503:
      return Reason::unavailable;
    case 504:
      return is_write ? Reason::outcome_unknown : Reason::timeout;
    case 400:
    case 404:
    case 405:
    case 413:
      return Reason::invalid;
    default:
      return Reason::refused;
  }
}

std::string text_of(const nlohmann::json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
}

// A member that has no leader by then says so, and that nothing has happened, while somebody still listens:
// it looks at its deadlines every 50 ms.
milliseconds told_patience(milliseconds share) {
  const milliseconds margin = std::min(std::max(share / 8, milliseconds(150)), share / 2);
  return std::max(share - margin, milliseconds(1));
}

}  // namespace

Error error_of(const Response& response, const std::string& endpoint, bool is_write) {
  Error error;
  error.endpoint = endpoint;
  const nlohmann::json problem = nlohmann::json::parse(response.body, nullptr, false);
  if (problem.is_object()) {
    error.code = text_of(problem, "code");
    error.hint = text_of(problem, "hint");
    error.message = text_of(problem, "title");
    const std::string detail = text_of(problem, "detail");
    if (error.message.empty()) error.message = text_of(problem, "message");  // etcd's gateway
    if (!detail.empty()) error.message += (error.message.empty() ? "" : ": ") + detail;
  }
  if (error.message.empty()) error.message = "HTTP status " + std::to_string(response.status);
  error.reason = reason_of(response.status, error.code, is_write);
  if (error.reason == Reason::key_not_found && response.header("cairn-consistency") == "local")
    error.hint =
        response.header("cairn-leader") == "none"
            ? "a local read, at one member that knows no leader: others may have newer data"
            : "a local read, at a member that may be behind: a linearizable one sees every write that "
              "has ended";
  if (response.status == 413 && error.hint.empty())
    error.hint = "a server takes 1.5 MiB a request, unless its --max-request-bytes says more";
  return error;
}

struct Session::Attempts {
  bool is_write = false;
  std::string endpoint;             // of the attempt under way
  std::size_t failed_in_a_row = 0;  // endpoints that did not answer since one did
  std::size_t absent_in_a_row = 0;  // those where nobody could be asked
  std::map<std::string, std::string>
      said{};                  // by each endpoint that was asked, last: its answer, or why none came
  int redirects = 0;           // in a row
  bool answered = false;       // by anybody
  bool maybe_applied = false;  // an attempt may have reached the log
  bool pause = false;          // before the next attempt
  milliseconds backoff{};      // the next
  Error last;
};

Session::Session(Options options, std::unique_ptr<Transport> transport)
    : options_(std::move(options)), transport_(std::move(transport)) {
  if (options_.endpoints.empty()) options_.endpoints = Options{}.endpoints;
  for (std::string& each : options_.endpoints) {
    if (each.find("://") == std::string::npos) each = "http://" + each;
    while (!each.empty() && each.back() == '/') each.pop_back();
  }
  std::random_device device;
  key_prefix_ = std::uint64_t{device()} << 32 | device();
}

std::string Session::fresh_key() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string key;
  for (int shift = 60; shift >= 0; shift -= 4) key.push_back(kHex[key_prefix_ >> shift & 15]);
  return key + "-" + std::to_string(++key_count_);
}

const std::string& Session::endpoint(bool is_write) const {
  return is_write && !leader_.empty() ? leader_ : options_.endpoints[current_];
}

void Session::next_endpoint() {
  leader_.clear();
  current_ = (current_ + 1) % options_.endpoints.size();
}

// A key of its own comes with the newest revision that this client has seen, which tells the cluster a key
// that it has forgotten from a new one. After a long silence that revision may be too old itself: then the
// first attempt is refused, and the write goes out once more under a new key, without one.
Answer<Response> Session::write(const Request& request, std::string_view key) {
  for (;;) {
    Request keyed = request;
    const std::string used = key.empty() ? fresh_key() : std::string(key);
    keyed.headers.emplace_back("idempotency-key", used);
    const bool stamped = key.empty() && revision_ > 0;
    if (stamped) keyed.headers.emplace_back("idempotency-revision", std::to_string(revision_));
    Answer<Response> answer = call(keyed, true);
    if (!answer.ok() && answer.error().reason == Reason::outcome_unknown) {
      Error error = answer.error();
      error.idempotency_key = used;
      error.hint = "read the key to find out, or repeat the write under its idempotency key, " + used +
                   ", within ten minutes: it applies once";
      return error;
    }
    if (answer.ok() || !stamped || answer.error().reason == Reason::outcome_unknown) return answer;
    if (answer.error().code != kKeyTooOld && answer.error().code != kBadKeyRevision) return answer;
    revision_ = 0;
  }
}

void Session::learn_revision(const Response& response) {
  const std::string text = response.header("cairn-revision");
  std::int64_t revision = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), revision).ec == std::errc())
    revision_ = std::max(revision_, revision);
}

void Session::avoid_endpoint() {
  next_endpoint();
  transport_->sleep(options_.backoff_first);
}

Answer<Response> Session::call(const Request& request, bool is_write, milliseconds wait) {
  const auto shares = static_cast<milliseconds::rep>(std::max<std::size_t>(2, options_.endpoints.size()));
  const auto deadline = transport_->now() + options_.timeout + shares * wait;
  Attempts attempts;
  attempts.is_write = is_write;
  attempts.backoff = options_.backoff_first;
  Answer<Response> answer{Error{}};
  for (;;) {
    attempts.endpoint = endpoint(is_write);
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - transport_->now());
    const bool is_certain_so_far = is_write && !attempts.said.empty() && !attempts.maybe_applied;
    if (left <= milliseconds(0) || (is_certain_so_far && left < options_.retry_min)) return give_up(attempts);
    // A member that hangs gets a share of the time only, so that all others can still be asked.
    const auto share = std::min(left, wait + std::max(options_.timeout / shares, options_.share_min));
    Request timed = request;
    if (is_write)
      timed.headers.emplace_back("cairn-timeout-ms", std::to_string(told_patience(share).count()));
    if (absorb(&attempts, transport_->exchange(attempts.endpoint, timed, share), &answer)) return answer;
    if (!attempts.pause) continue;
    const auto rest = std::chrono::duration_cast<milliseconds>(deadline - transport_->now());
    if (rest <= milliseconds(0)) return give_up(attempts);
    transport_->sleep(std::min(attempts.backoff, rest));
    attempts.backoff = std::min(attempts.backoff * 2, options_.backoff_max);
    attempts.pause = false;
  }
}

Answer<Response> Session::call_at(const std::string& endpoint, const Request& request) {
  auto result = transport_->exchange(endpoint, request, options_.timeout);
  // It is only asked how it is: nothing has been done that it could be unclear of.
  if (auto* failure = std::get_if<Failure>(&result)) {
    failure->cause.resize(std::min(failure->cause.size(), failure->cause.find(": whether it did")));
    return Error{failure->sent ? Reason::timeout : Reason::unreachable, "", failure->cause, "", endpoint};
  }
  Response& response = std::get<Response>(result);
  if (response.status >= 300) return error_of(response, endpoint, false);
  return std::move(response);
}

// True when *answer is final.
bool Session::absorb(Attempts* attempts, std::variant<Response, Failure> result, Answer<Response>* answer) {
  if (auto* response = std::get_if<Response>(&result)) {
    ever_answered_ = true;
    learn_revision(*response);
    attempts->failed_in_a_row = attempts->absent_in_a_row = 0;
    attempts->answered = true;
    return after_response(attempts, std::move(*response), answer);
  }
  after_failure(attempts, std::get<Failure>(result));
  // A client that has never met anybody has the wrong address rather than bad luck: say so at once.
  if (ever_answered_ || attempts->absent_in_a_row < options_.endpoints.size()) return false;
  *answer = give_up(*attempts);
  return true;
}

void Session::after_failure(Attempts* attempts, const Failure& failure) {
  attempts->failed_in_a_row += 1;
  attempts->absent_in_a_row = failure.sent ? 0 : attempts->absent_in_a_row + 1;
  attempts->said[attempts->endpoint] = failure.cause;
  attempts->redirects = 0;
  attempts->maybe_applied = attempts->maybe_applied || (attempts->is_write && failure.sent);
  const Reason reason = failure.sent ? Reason::timeout : Reason::unreachable;
  attempts->last = Error{reason, "", failure.cause, "", attempts->endpoint};
  attempts->pause = attempts->failed_in_a_row >= options_.endpoints.size();
  next_endpoint();
}

bool Session::after_response(Attempts* attempts, Response response, Answer<Response>* answer) {
  if (response.status < 300 || response.status == 304) {
    *answer = std::move(response);
    return true;
  }
  if (response.status == 307 && attempts->is_write) {
    attempts->last = error_of(response, attempts->endpoint, true);
    attempts->last.reason = Reason::unavailable;
    leader_ = origin_of(response.header("location"));
    // A server that is spoken to over TLS does not lead away from it.
    if (attempts->endpoint.starts_with("https:") && !leader_.starts_with("https:")) leader_.clear();
    attempts->pause = leader_.empty() || ++attempts->redirects > options_.redirects_max;
    if (attempts->pause) next_endpoint();
    return false;
  }
  attempts->redirects = 0;
  Error error = error_of(response, attempts->endpoint, attempts->is_write);
  const bool retry = error.reason == Reason::unavailable || error.reason == Reason::timeout ||
                     error.reason == Reason::outcome_unknown;
  if (!retry || error.code == kKeyTooOld) {
    // The attempt that is refused has not happened, and there was none before it.
    if (error.code == kKeyTooOld && !attempts->maybe_applied) error.reason = Reason::refused;
    if (error.code == kBadKeyRevision && attempts->maybe_applied) error.reason = Reason::outcome_unknown;
    *answer = std::move(error);
    return true;
  }
  attempts->maybe_applied = attempts->maybe_applied || error.reason == Reason::outcome_unknown;
  attempts->said[attempts->endpoint] = error.message;
  attempts->last = std::move(error);
  attempts->pause = true;
  next_endpoint();
  return false;
}

// "http://a: no leader; http://b: Connection refused"
std::string Session::told_by_all(const Attempts& attempts) {
  std::string all;
  for (const auto& [endpoint, words] : attempts.said)
    all += (all.empty() ? "" : "; ") + endpoint + ": " + words;
  return all;
}

Error Session::give_up(const Attempts& attempts) const {
  Error error = attempts.last;
  if (error.endpoint.empty()) {
    error.endpoint = attempts.endpoint;
    error.message = "no time left to ask";
    error.reason = Reason::timeout;
  }
  // Somebody was there, though who was asked last was not.
  if (error.reason == Reason::unreachable && attempts.answered) error.reason = Reason::unavailable;
  if (attempts.said.size() > 1) error.message = told_by_all(attempts);
  if (attempts.maybe_applied) {
    error.reason = Reason::outcome_unknown;
    error.code = "outcome_unknown";
    error.message = "it is not known whether the write has happened: " + error.message;
  } else if (attempts.is_write && error.reason != Reason::unreachable) {
    if (error.reason == Reason::timeout) error.reason = Reason::unavailable;
    error.message = "the write has not happened: " + error.message;
  }
  return error;
}

}  // namespace cairn::client
