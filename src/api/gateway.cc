#include "api/gateway.h"

#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/cors.h"
#include "api/grpc_methods.h"
#include "api/json_messages.h"
#include "api/rest_auth.h"
#include "base/check.h"
#include "node/member.h"
#include "rpc/grpc_framing.h"

namespace cairn::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;  // of a long answer, made in one turn

// What grpc-gateway makes of a code.
int status_of(Code code) {
  switch (code) {
    case Code::ok:
      return 200;
    case Code::cancelled:
      return 408;
    case Code::invalid_argument:
    case Code::out_of_range:
    case Code::failed_precondition:
      return 400;
    case Code::deadline_exceeded:
      return 504;
    case Code::not_found:
      return 404;
    case Code::aborted:
      return 409;
    case Code::permission_denied:
      return 403;
    case Code::unauthenticated:
      return 401;
    case Code::resource_exhausted:
      return 429;
    case Code::unimplemented:
      return 501;
    case Code::unavailable:
      return 503;
    default:
      return 500;
  }
}

std::string_view phrase_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 429:
      return "Too Many Requests";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Internal Server Error";
  }
}

// What all calls of the gateway share.
class GatewayCall : public rpc::GrpcCall {
 public:
  GatewayCall(const Config& config, const node::Member& member, rpc::Handler& handler, const Method& row,
              std::shared_ptr<rpc::HttpCall> http)
      : config_(config), handler_(handler), row_(row), http_(std::move(http)), begun_(member.now()) {
    if (const auto timeout = rpc::parse_timeout(header_of(http_->request(), "grpc-timeout")))
      deadline_ = begun_ + *timeout;
  }
  ~GatewayCall() override { end(Code::cancelled); }
  GatewayCall(const GatewayCall&) = delete;
  GatewayCall& operator=(const GatewayCall&) = delete;

  std::string_view method() const override { return row_.path; }
  // As grpc-gateway passes it on.
  std::string_view metadata(std::string_view name) const override {
    if (name == "authorization") return header_of(http_->request(), name);
    return header_of(http_->request(), "grpc-metadata-" + std::string(name));
  }
  std::optional<Time> deadline() const override { return deadline_; }
  bool cancelled() const override { return http_->cancelled(); }
  std::string_view common_name() const override { return common_name_behind(*http_); }
  std::size_t unsent_bytes() const override { return http_->unsent_bytes(); }

 protected:
  rpc::HttpResponse head_of(int status) const {
    rpc::HttpResponse head;
    head.status = status;
    head.headers = {{"content-type", "application/json"}, {"grpc-metadata-content-type", "application/grpc"}};
    add_cors(config_, header_of(http_->request(), "origin"), false, &head.headers);
    return head;
  }
  void respond_error(Code code, std::string_view message) {
    rpc::HttpResponse response = head_of(status_of(code));
    const Json json = {{"error", message}, {"message", message}, {"code", static_cast<int>(code)}};
    response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    http_->respond(std::move(response));
  }
  // False, with the call refused: it says in its headers what is not understood.
  bool begin() {
    const std::string_view timeout = header_of(http_->request(), "grpc-timeout");
    if (timeout.empty() || deadline_) return true;
    reject({Code::invalid_argument, "invalid grpc-timeout: " + std::string(timeout)});
    return false;
  }
  // What never becomes a call of the method.
  void reject(const Error& why) {
    ended_ = true;
    respond_error(why.code, why.message);
  }
  // The call is over; the first word of it counts.
  void end(Code code) {
    if (std::exchange(ended_, true)) return;
    handler_.on_grpc_end({.method = row_,
                          .code = code,
                          .received_bytes = received_bytes_,
                          .sent_bytes = sent_bytes_,
                          .begun = begun_,
                          .beginning = {}});
  }

  const Config& config_;
  rpc::Handler& handler_;
  const Method& row_;
  const std::shared_ptr<rpc::HttpCall> http_;
  std::size_t received_bytes_ = 0, sent_bytes_ = 0;

 private:
  const Time begun_;
  std::optional<Time> deadline_;
  bool ended_ = false;
};

// ---- a request, and its answer ----

class UnaryCall final : public GatewayCall, public std::enable_shared_from_this<UnaryCall> {
 public:
  using GatewayCall::GatewayCall;

  void run(std::string_view body) {
    if (!begin()) return;
    const Result<std::string> request = message_of(row_.request(), body);
    if (!request) return reject(request.error());
    received_bytes_ = request->size();
    handler_.on_unary(row_, shared_from_this(), *request);
  }

  bool has_room() override { return true; }
  void pause() override {}
  void resume() override {}
  void send(std::string_view head, std::string_view body) override {
    answer_ = std::string(head) + std::string(body);
    sent_bytes_ = answer_.size();
  }
  void send(std::string_view head, std::unique_ptr<LongMessage> body) override {
    if (!body->measure() || body->size_bytes() > kPieceBytes) {
      begin_long(head, std::move(body));
      return;
    }
    answer_ = head;
    while (!body->finished()) body->read(kPieceBytes, &answer_);
    sent_bytes_ = answer_.size();
  }
  void finish(Code code, std::string_view message) override {
    if (long_begun_) return;
    if (code == Code::ok) {
      rpc::HttpResponse response = head_of(status_of(code));
      response.body = json_of(row_.answer(), answer_);
      http_->respond(std::move(response));
    } else {
      respond_error(code, message);
    }
    end(code);
  }

 private:
  // Makes a long answer while its client takes it.
  class LongAnswer final : public rpc::Producer {
   public:
    LongAnswer(std::shared_ptr<UnaryCall> call, std::string_view head, std::unique_ptr<LongMessage> body)
        : call_(std::move(call)), json_(call_->row_.answer(), head, std::move(body)) {}
    void on_room() override {
      rpc::HttpCall& http = *call_->http_;
      const std::string text = json_.step(kPieceBytes);
      call_->sent_bytes_ += text.size();
      http.send(text);
      if (json_.finished()) {
        call_->end(Code::ok);
        return http.finish();
      }
      if (http.has_room()) http.ask_turn();
    }

   private:
    const std::shared_ptr<UnaryCall> call_;
    LongJson json_;
  };

  void begin_long(std::string_view head, std::unique_ptr<LongMessage> body) {
    long_begun_ = true;
    http_->respond(head_of(status_of(Code::ok)),
                   std::make_unique<LongAnswer>(shared_from_this(), head, std::move(body)));
    http_->ask_turn();
  }

  std::string answer_;
  bool long_begun_ = false;
};

// ---- a stream ----

class StreamCall final : public GatewayCall, public std::enable_shared_from_this<StreamCall> {
 public:
  using GatewayCall::GatewayCall;

  void run(std::string_view body) {
    if (!begin()) return;
    const auto objects = objects_of(body, config_.gateway_objects_max);
    if (!objects) return reject(objects.error());
    for (const std::string_view object : *objects) {
      Result<std::string> message = message_of(row_.request(), object);
      if (!message) return reject(message.error());
      received_bytes_ += message->size();
      messages_.push_back(*std::move(message));
    }
    auto stream = handler_.open_stream(row_, shared_from_this());
    if (stream == nullptr) return;
    stream_ = stream.get();
    feed();
    if (finished_) return;
    auto owner = std::make_unique<Owner>(shared_from_this(), std::move(stream));
    if (row_.one_answer) return http_->keep(std::move(owner));
    // What is refused at once has the refusal's status. From here on the stream lasts as long as the answer.
    has_begun_ = true;
    rpc::HttpResponse head = head_of(status_of(Code::ok));
    head.body = std::exchange(unsent_, {});
    http_->respond(std::move(head), std::move(owner));
  }

  bool has_room() override { return has_begun_ ? http_->has_room() : true; }
  void pause() override { paused_ = true; }
  void resume() override {
    if (std::exchange(paused_, false) && stream_ != nullptr) feed();
  }
  void send(std::string_view head, std::string_view body) override {
    if (finished_) return;
    const std::string message = std::string(head) + std::string(body);
    sent_bytes_ += message.size();
    const std::string json = json_of(row_.answer(), message);
    if (row_.one_answer) return write(json);
    write("{\"result\":" + json + "}\n");
  }
  // No method that has a path here does.
  void send(std::string_view, std::unique_ptr<LongMessage>) override {
    finish(Code::unimplemented, "cairn: this message is too large for the gateway: use gRPC");
  }
  void finish(Code code, std::string_view message) override {
    if (std::exchange(finished_, true)) return;
    end(code);
    if (!has_begun_ && code != Code::ok) return respond_error(code, message);
    if (code != Code::ok) {
      const int status = status_of(code);
      const Json json = {{"error",
                          {{"grpc_code", static_cast<int>(code)},
                           {"http_code", status},
                           {"message", message},
                           {"http_status", phrase_of(status)}}}};
      write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
    if (has_begun_) return http_->finish();
    rpc::HttpResponse response = head_of(status_of(Code::ok));
    response.body = std::move(unsent_);
    http_->respond(std::move(response));
  }

 private:
  // Holds the method's side of the stream for as long as there is a client.
  class Owner final : public rpc::Producer {
   public:
    Owner(std::shared_ptr<StreamCall> call, std::unique_ptr<rpc::GrpcStream> stream)
        : call_(std::move(call)), stream_(std::move(stream)) {}
    ~Owner() override {
      call_->stream_ = nullptr;
      stream_.reset();
      call_->end(Code::cancelled);
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    void on_room() override { stream_->on_room(); }

   private:
    const std::shared_ptr<StreamCall> call_;
    std::unique_ptr<rpc::GrpcStream> stream_;
  };

  void feed() {
    while (!paused_ && !finished_ && stream_ != nullptr && !messages_.empty()) {
      const std::string message = std::move(messages_.front());
      messages_.pop_front();
      stream_->on_message(message);
    }
    if (paused_ || finished_ || stream_ == nullptr || std::exchange(is_half_closed_, true)) return;
    stream_->on_half_close();
  }
  void write(std::string text) {
    if (has_begun_) return http_->send(text);
    unsent_ += text;
  }

  std::deque<std::string> messages_;  // not taken yet
  rpc::GrpcStream* stream_ = nullptr;
  std::string unsent_;  // before the head
  bool has_begun_ = false, paused_ = false, finished_ = false, is_half_closed_ = false;
};

// ---- paths ----

constexpr std::string_view kPrefixes[] = {"/v3/", "/v3beta/", "/v3alpha/"};

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// "/v3/kv/lease/revoke" was there first, and stays.
const Method* row_at(std::string_view path) {
  for (const std::string_view prefix : kPrefixes)
    if (path.substr(0, prefix.size()) == prefix) path.remove_prefix(prefix.size());
  constexpr std::string_view kOldLease = "kv/lease/";
  if (path.substr(0, kOldLease.size()) == kOldLease) path.remove_prefix(3);
  for (const Method& row : methods())
    if (!row.gateway.empty() && row.gateway == path) return &row;
  return nullptr;
}

// As the gateway of etcd says it, in plain text.
void refuse_plainly(const Config& config, rpc::HttpCall& call, int status) {
  rpc::HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}, {"x-content-type-options", "nosniff"}};
  if (status == 405) response.headers.emplace_back("allow", "POST, OPTIONS");
  add_cors(config, header_of(call.request(), "origin"), false, &response.headers);
  response.body = std::string(phrase_of(status)) + "\n";
  call.respond(std::move(response));
}

void tell_options(const Config& config, rpc::HttpCall& call) {
  constexpr std::string_view kAllowed = "POST, OPTIONS";
  rpc::HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("allow", kAllowed);
  add_preflight(config, header_of(call.request(), "origin"), false, kAllowed, &response.headers);
  call.respond(std::move(response));
}

}  // namespace

bool is_gateway(std::string_view target) {
  for (const std::string_view prefix : kPrefixes)
    if (target.substr(0, prefix.size()) == prefix) return true;
  return false;
}

void serve_gateway(const Config& config, node::Member& member, rpc::Handler& handler,
                   std::shared_ptr<rpc::HttpCall> call) {
  const rpc::HttpRequest& request = call->request();
  const Method* const row = row_at(path_of(request.target));
  if (row == nullptr) return refuse_plainly(config, *call, 404);
  if (request.method == "OPTIONS") return tell_options(config, *call);
  if (request.method != "POST") return refuse_plainly(config, *call, 405);
  if (!may_write(config, header_of(request, "origin"), header_of(request, "host")))
    return refuse_plainly(config, *call, 403);
  if (row->kind == rpc::MethodKind::unary)
    std::make_shared<UnaryCall>(config, member, handler, *row, call)->run(request.body);
  else
    std::make_shared<StreamCall>(config, member, handler, *row, call)->run(request.body);
}

}  // namespace cairn::api
