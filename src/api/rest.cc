#include "api/rest.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "api/answer_bound.h"
#include "api/cors.h"
#include "api/idempotency.h"
#include "api/slow_requests.h"
#include "etcd/reasons.h"

namespace cairn::api {
namespace {

class RestWriteResponder final : public node::WriteResponder {
 public:
  RestWriteResponder(Rest rest, OnWritten done) : rest_(std::move(rest)), done_(std::move(done)) {}
  void done(mvcc::Outcome outcome) override {
    if (outcome.code != Code::ok) return rest_->refuse(outcome.refusal());
    done_(*rest_, outcome);
  }

 private:
  Rest rest_;
  OnWritten done_;
};

class RestReadResponder final : public node::ReadResponder {
 public:
  RestReadResponder(Rest rest, Consistency consistency, OnView read)
      : rest_(std::move(rest)), consistency_(consistency), read_(std::move(read)) {}
  void ready(const mvcc::View& view) override { read_(*rest_, view, consistency_); }
  void failed(Error error) override { rest_->refuse(error); }

 private:
  Rest rest_;
  Consistency consistency_;
  OnView read_;
};

// 307 and not 301/302 (clients drop the body) nor 308 (clients may remember a leader that is long gone).
rpc::HttpResponse redirect(const RestCall& rest, const Leader& leader) {
  const Problem problem{
      .status = 307,
      .code = "not_leader",
      .title = "Writes go to the leader",
      .detail = "member " + rest.config().name + " follows " + leader.name + " at " + leader.url,
      .hint = "follow Location (curl -L), or send the header 'Cairn-Route: forward'"};
  rpc::HttpResponse response = to_response(problem, leader.url);
  response.headers.emplace_back("location", leader.url + rest.request().target);
  return response;
}

std::string without_slash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

std::string_view authority(std::string_view url) {
  const std::size_t scheme = url.find("://");
  return scheme == std::string_view::npos ? url : url.substr(scheme + 3);
}

// Where a write belongs that came to this member and says nothing against it. Of the leader's addresses the
// first one that does not lead back here: not one of this member's own, and not the one that was asked.
std::optional<Leader> elsewhere(const RestCall& rest) {
  if (rest.at_leader() || rest.header("cairn-route") == "forward") return std::nullopt;
  Leader leader = rest.leader();
  const auto members = rest.member().members();
  const auto urls_of = [&](std::uint64_t id) {
    const auto info = members->find(id);
    return info == members->end() ? std::vector<std::string>() : info->second.client_urls;
  };
  const std::vector<std::string> own = urls_of(rest.member().brief().id.v);
  const std::string_view asked = rest.header("host").value_or("");
  for (const std::string& url : urls_of(leader.id.v)) {
    const bool leads_back = std::find(own.begin(), own.end(), url) != own.end();
    leader.url = without_slash(url);
    if (!leads_back && authority(leader.url) != asked) return leader;
  }
  return std::nullopt;  // the member passes it on itself, now or when there is a leader
}

Result<Consistency> consistency_of(const RestCall& rest) {
  const std::string* const asked = rest.target().parameter("consistency");
  if (asked == nullptr) return rest.at_leader() ? Consistency::linearizable : Consistency::local;
  if (*asked == "linearizable") return Consistency::linearizable;
  if (*asked == "local" || *asked == "serializable") return Consistency::local;
  return fail(Code::invalid_argument, "unknown consistency '" + *asked + "': linearizable or local");
}

}  // namespace

RestCall::RestCall(const Config& config, node::Member& member, std::shared_ptr<rpc::HttpCall> call,
                   Target target)
    : config_(config),
      member_(member),
      call_(std::move(call)),
      target_(std::move(target)),
      begun_(member.now()) {}

RestCall::~RestCall() {
  if (!answered_) refuse(etcd::error_of(Reason::server_stopped));
}

std::optional<std::string_view> RestCall::header(std::string_view name) const {
  for (const auto& [key, value] : request().headers)
    if (key == name) return value;
  return std::nullopt;
}

bool RestCall::given_twice(std::string_view name) const {
  const rpc::Headers& headers = request().headers;
  return std::count_if(headers.begin(), headers.end(),
                       [name](const auto& each) { return each.first == name; }) > 1;
}

bool RestCall::wants_json() const {
  return header("accept").value_or("").find("application/json") != std::string_view::npos;
}

Leader RestCall::leader() const {
  Leader leader{.id = member_.brief().leader, .name = "", .url = ""};
  if (leader.id.v == 0) return leader;
  const auto members = member_.members();
  const auto info = members->find(leader.id.v);
  if (info == members->end()) return leader;
  leader.name = info->second.name;
  if (!info->second.client_urls.empty()) leader.url = without_slash(info->second.client_urls.front());
  return leader;
}

bool RestCall::at_leader() const {
  const node::MemberBrief brief = member_.brief();
  return brief.leader.v != 0 && brief.leader == brief.id;
}

void RestCall::respond(rpc::HttpResponse response) {
  answered_ = true;
  if (response.status == 401)
    response.headers.emplace_back("www-authenticate", "Basic realm=\"cairn\", Bearer");
  config_.metrics->rest.answered(request().method, response.status, member_.now() - begun_);
  config_.slow->ended(request(), begun_, response.status, response.body.size());
  sign(&response);
  call_->respond(std::move(response));
}

void RestCall::respond_in_pieces(rpc::HttpResponse head, std::unique_ptr<rpc::Producer> producer) {
  answered_ = true;
  config_.metrics->rest.answered(request().method, head.status, member_.now() - begun_);
  sign(&head);
  call_->respond(std::move(head), std::move(producer));
}

void RestCall::sign(rpc::HttpResponse* response) const {
  const Leader leader = this->leader();
  const std::string said = leader.id.v == 0 ? "none" : leader.name + "; url=\"" + leader.url + "\"";
  rpc::Headers& headers = response->headers;
  headers.emplace_back("cairn-served-by", config_.name);
  headers.emplace_back("cairn-leader", said);
  headers.emplace_back("cairn-term", std::to_string(member_.brief().term.v));
  // What changes at any time is asked for again; what has an entity tag may be kept meanwhile.
  const auto has = [&headers](std::string_view name) {
    return std::any_of(headers.begin(), headers.end(),
                       [name](const auto& each) { return each.first == name; });
  };
  headers.emplace_back("cache-control", has("etag") ? "no-cache" : "no-store");
  add_cors(config_, header("origin").value_or(""), shows_console(*this), &headers);
}

std::optional<rpc::HttpResponse> RestCall::redirected() const {
  const auto leader = elsewhere(*this);
  if (!leader) return std::nullopt;
  rpc::HttpResponse response = redirect(*this, *leader);
  sign(&response);
  return response;
}

void RestCall::refuse(const Problem& problem) { respond(to_response(problem, leader().url)); }

constexpr const char* kTimeoutHeader = "cairn-timeout-ms";

// How long the client waits for its answer, if it says so: told within that time that no leader took its
// write, it knows that nothing has happened. Nothing: what it says is no number of milliseconds.
std::optional<std::chrono::milliseconds> patience_of(const RestCall& rest) {
  constexpr std::int64_t kLongestMs = 3'600'000;
  const auto text = rest.header(kTimeoutHeader);
  if (!text) return std::chrono::milliseconds(kLongestMs);
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), ms);
  if (error != std::errc() || end != text->data() + text->size() || ms < 1 || ms > kLongestMs)
    return std::nullopt;
  return std::chrono::milliseconds(ms);
}

void rest_write(const Rest& rest, node::CommandKind kind, const google::protobuf::MessageLite& message,
                OnWritten done, const mvcc::LeaseChoice& lease) {
  std::string request = message.SerializeAsString();
  if (request.size() > rest->config().request_bytes_max)
    return rest->refuse(etcd::error_of(Reason::request_too_large));
  for (const std::string_view name :
       {"idempotency-key", "idempotency-revision", "cairn-route", kTimeoutHeader})
    if (rest->given_twice(name))
      return rest->refuse(bad_request("header_given_twice", std::string(name) + " is given twice",
                                      "which of the two is meant is not known: send one"));
  const std::string_view key = rest->header("idempotency-key").value_or("");
  if (key.empty() && rest->header("idempotency-key"))
    return rest->refuse(bad_request("idempotency_key_empty", "the Idempotency-Key is empty",
                                    "give each write its own, or leave the header out"));
  if (key.size() > rest->config().request.idempotency_key_bytes_max)
    return rest->refuse(bad_request("idempotency_key_too_long",
                                    std::string("the Idempotency-Key is longer than ") +
                                        std::to_string(rest->config().request.idempotency_key_bytes_max) +
                                        " bytes"));
  const auto revision = idempotency_revision(key, rest->header("idempotency-revision").value_or(""));
  if (!revision)
    return rest->refuse(
        bad_request("idempotency_revision_invalid", std::string(kBadIdempotencyRevision),
                    "send the Cairn-Revision of an answer that came before the key was made"));
  const auto patience = patience_of(*rest);
  if (!patience)
    return rest->refuse(bad_request("timeout_invalid", "Cairn-Timeout-Ms is no number of milliseconds from 1",
                                    "say how long the client waits for the answer, or leave the header out"));
  if (const auto leader = elsewhere(*rest)) return rest->respond(redirect(*rest, *leader));
  rest->mark_write();
  const Time now = rest->member().now();
  rest->member().write(
      {.kind = kind,
       .request = std::move(request),
       .idempotency_key = std::string(key),
       .deadline = now + std::min<Duration>(*patience, rest->config().request_timeout),
       .responder = std::make_unique<RestWriteResponder>(rest, std::move(done)),
       .leader_deadline = now + std::min<Duration>(*patience, rest->config().leader_patience),
       .idempotency_revision = *revision,
       .answer_bytes_max = answer_bytes_max(rest->config(), kind),
       .lease = lease});
}

void rest_read(const Rest& rest, OnView read) {
  const Result<Consistency> consistency = consistency_of(*rest);
  if (!consistency) return rest->refuse(consistency.error());
  rest->member().read(
      {.serializable = *consistency == Consistency::local,
       .deadline = rest->member().now() + rest->config().request_timeout,
       .responder = std::make_unique<RestReadResponder>(rest, *consistency, std::move(read))});
}

void mark_read(rpc::HttpResponse* response, const mvcc::View& view, Consistency consistency) {
  response->headers.emplace_back("cairn-consistency",
                                 consistency == Consistency::local ? "local" : "linearizable");
  response->headers.emplace_back("cairn-applied-index", std::to_string(view.applied_index()));
  response->headers.emplace_back("cairn-revision", std::to_string(view.revision()));
}

rpc::HttpResponse json_response(int status, std::string body) {
  return {
      .status = status, .headers = {{"content-type", "application/json"}}, .body = std::move(body) + "\n"};
}

}  // namespace cairn::api
