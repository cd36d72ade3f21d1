#include "rpc/http1_session.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "etcd/reasons.h"
#include "rpc/http_date.h"

namespace cairn::rpc {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kChunkedEndBytes = 5;  // "0\r\n\r\n"

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// A header that would end early or smuggle in another one comes from a bug or an attack: it is left out.
bool is_safe_header(const std::string& name, const std::string& value) {
  return !name.empty() && name.find_first_of("\r\n: ") == std::string::npos &&
         value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

struct Http1Session::Parser : http::request_parser<http::string_body> {};

class Http1Call final : public HttpCall {
 public:
  Http1Call(Http1Session& session, HttpRequest request) : session_(&session), request_(std::move(request)) {}
  ~Http1Call() override {
    if (session_ != nullptr) session_->abandon();
  }
  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse response) override {
    if (session_ != nullptr) session_->respond(std::move(response));
  }
  void respond(HttpResponse head, std::unique_ptr<Producer> producer) override {
    if (session_ != nullptr) session_->begin_stream(std::move(head), std::move(producer));
  }
  void send(std::string_view piece) override {
    if (session_ != nullptr) session_->send(piece);
  }
  void keep(std::unique_ptr<Producer> waiting) override {
    if (session_ != nullptr) session_->waiting_ = std::move(waiting);
  }
  void ask_turn() override {
    if (session_ != nullptr) session_->ask_turn();
  }
  void finish() override {
    if (session_ != nullptr) session_->end_stream();
  }
  bool cancelled() const override { return session_ == nullptr; }
  std::string_view common_name() const override {
    return session_ == nullptr ? std::string_view() : session_->owner_.common_name();
  }
  std::size_t unsent_bytes() const override { return session_ == nullptr ? 0 : session_->out_.size(); }
  bool has_room() override { return session_ == nullptr || session_->has_room(); }
  void detach() { session_ = nullptr; }

 private:
  Http1Session* session_;
  HttpRequest request_;
};

Http1Session::Http1Session(const Limits& limits, Handler& handler, Shares& shares, Session::Owner& owner,
                           Time now)
    : limits_(limits), handler_(handler), shares_(shares), owner_(owner), now_(now), last_activity_(now) {}

Http1Session::Stream::Stream(const Limits& limits, Shares& shares, std::unique_ptr<Producer> of)
    : place(shares.streams),
      unsent(limits.connection_unsent_bytes_max, &shares.unsent),
      outflow(limits, unsent),
      producer(std::move(of)) {}

Http1Session::~Http1Session() {
  if (call_ != nullptr) call_->detach();
  waiting_.reset();
  stream_.reset();
  shares_.requests.resize(&held_, 0);
}

void Http1Session::receive(std::string_view bytes, Time now) {
  now_ = now;
  last_activity_ = now;
  if (closing_) return;
  input_.append(bytes);
  parse();
  if (!out_.empty() || closing_) owner_.wake();
}

void Http1Session::collect(std::string* out, std::size_t) {
  ended_stream_.reset();
  waited_.reset();
  out->append(out_);
  out_.clear();
  if (stream_ != nullptr) {
    note_unsent();
    // What is produced now leaves with the next collect(): other connections have their turn first.
    if (std::exchange(stream_->room_asked, false)) stream_->producer->on_room();
    return;
  }
  // The next pipelined request starts here and not inside respond(), whose caller expects no new call.
  parse();
  out->append(out_);
  out_.clear();
  if (stream_ != nullptr) note_unsent();
}

bool Http1Session::wants_input() const {
  return !closing_ && input_.size() < limits_.http1_waiting_bytes_max;
}

void Http1Session::parse() {
  std::size_t before = 0;
  do {
    before = input_.size();
    if (closing_ || call_ != nullptr || !out_.empty()) return;
    if (input_.empty() || !parse_some()) return;
  } while (input_.size() != before);
}

// True when it makes sense to try again with what is left of the input.
bool Http1Session::parse_some() {
  if (parser_ == nullptr) {
    parser_ = std::make_unique<Parser>();
    folds_ = {};
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
    parser_->body_limit(limits_.http_body_bytes_max);
    begun_ = now_;
    request_bytes_ = 0;
  }
  // Beast asserts that, once it has seen the last chunk begin, it is shown at least the shortest end of a
  // body. No chunked body ends with less, so waiting for as much delays nothing.
  if (parser_->is_header_done() && parser_->chunked() && input_.size() < kChunkedEndBytes) return false;
  boost::beast::error_code error;
  const bool in_head = !parser_->is_header_done();
  const std::size_t taken = parser_->put(boost::asio::buffer(input_), error);
  const bool folded = in_head && folds_.feed(std::string_view(input_).substr(0, taken));
  input_.erase(0, taken);
  request_bytes_ += taken;
  if (!shares_.requests.resize(&held_, request_bytes_)) {
    const etcd::Row& why = etcd::row_of(Reason::too_many_requests);
    refuse(why.problem.status, std::string(why.text));
    return false;
  }
  if (error == http::error::header_limit) {
    refuse(431, "the request header is larger than " + std::to_string(limits_.header_bytes_max) + " bytes");
    return false;
  }
  if (error == http::error::body_limit) {
    refuse_body();
    return false;
  }
  if (error && error != http::error::need_more) {
    refuse(400, "this is not an HTTP/1.1 request: " + error.message());
    return false;
  }
  if (in_head && parser_->is_header_done()) return begin_body(folded);
  if (parser_->is_done()) dispatch();
  return !error;
}

// The head is there, and nothing of the body has been read. True when it makes sense to go on.
bool Http1Session::begin_body(bool folded) {
  const auto& message = parser_->get();
  head_.method = std::string(view(message.method_string()));
  head_.target = std::string(view(message.target()));
  head_.headers.clear();
  for (const auto& field : message)
    head_.headers.emplace_back(lower_case(view(field.name_string())), std::string(view(field.value())));
  http10_ = message.version() < 11;
  head_only_ = message.method() == http::verb::head;
  if (const auto refused = check_head({.method = head_.method,
                                       .target = head_.target,
                                       .version = message.version(),
                                       .headers = head_.headers,
                                       .folded = folded})) {
    refuse(refused->status, refused->why);
    return false;
  }
  if (parser_->content_length().value_or(0) > limits_.http_body_bytes_max) {
    refuse_body();
    return false;
  }
  head_.target = origin_form(head_.target);
  const bool expects = !http10_ && std::any_of(head_.headers.begin(), head_.headers.end(),
                                               [](const auto& header) { return header.first == "expect"; });
  if (expects && !parser_->is_done()) {
    // What is decided without the body is said before it comes: a client that waits sends it elsewhere.
    if (std::optional<HttpResponse> early = handler_.answer_early(head_)) {
      write(*early, false, !head_only_);
      end_input();
      return false;
    }
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  parser_->eager(true);
  if (parser_->is_done()) dispatch();
  return true;
}

void Http1Session::dispatch() {
  auto message = parser_->release();
  parser_.reset();
  HttpRequest request = std::move(head_);
  request.body = std::move(message.body());
  keep_alive_ = message.keep_alive();
  auto call = std::make_shared<Http1Call>(*this, std::move(request));
  call_ = call.get();
  handler_.on_http(std::move(call));
}

// The call is over for us: whoever still has it can do nothing with it.
void Http1Session::answered() {
  std::exchange(call_, nullptr)->detach();
  if (!keep_alive_ || draining_) closing_ = true;
  last_activity_ = now_;
  owner_.wake();
}

void Http1Session::respond(HttpResponse response) {
  CHECK(stream_ == nullptr);  // answered once
  waited_ = std::move(waiting_);
  shares_.requests.resize(&held_, 0);
  write(response, keep_alive_ && !draining_, !head_only_);
  answered();
}

void Http1Session::begin_stream(HttpResponse head, std::unique_ptr<Producer> producer) {
  CHECK(stream_ == nullptr);
  waited_ = std::move(waiting_);
  if (shares_.streams.full()) {
    const etcd::Row& why = etcd::row_of(Reason::too_many_requests);
    call_->detach();
    call_ = nullptr;
    refuse(why.problem.status, why.text);
    return owner_.wake();
  }
  shares_.requests.resize(&held_, 0);
  // To HTTP/1.0 the end of the connection is the end of the body.
  if (http10_) keep_alive_ = false;
  write_head(head, http10_ ? "" : "transfer-encoding: chunked\r\n", keep_alive_ && !draining_);
  if (head_only_) return answered();
  stream_ = std::make_unique<Stream>(limits_, shares_, std::move(producer));
  stream_->chunked = !http10_;
  send(head.body);
  owner_.wake();
}

void Http1Session::send(std::string_view piece) {
  if (stream_ == nullptr || piece.empty()) return;  // an empty chunk would end the body
  if (out_.size() + piece.size() > limits_.stream_out_bytes_max) {
    out_.clear();  // what is left of it makes no sense without the rest
    return abandon();
  }
  if (stream_->chunked) {
    char size[2 * sizeof(std::size_t)];
    const auto end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
    out_.append(size, end).append("\r\n").append(piece).append("\r\n");
  } else {
    out_.append(piece);
  }
  note_unsent();
  owner_.wake();
}

void Http1Session::end_stream() {
  if (stream_ == nullptr) return;
  if (stream_->chunked) out_.append("0\r\n\r\n");
  ended_stream_ = std::move(stream_);  // its producer may be what calls
  answered();
}

bool Http1Session::has_room() {
  if (stream_ == nullptr || stream_->outflow.has_room()) return true;
  stream_->room_asked = true;
  return false;
}

void Http1Session::ask_turn() {
  if (stream_ == nullptr) return;
  stream_->room_asked = true;
  owner_.wake();
}

void Http1Session::note_unsent() { stream_->outflow.set(out_.size()); }

void Http1Session::abandon() {
  std::exchange(call_, nullptr)->detach();
  ended_stream_ = std::move(stream_);
  waited_ = std::move(waiting_);
  closing_ = true;
  owner_.wake();
}

void Http1Session::refuse(int status, std::string_view detail) {
  const std::string title(view(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)))));
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "application/problem+json"}};
  response.body = R"({"type":"about:blank","title":")" + title + R"(","status":)" + std::to_string(status) +
                  R"(,"detail":")" + std::string(detail) + "\"}\n";
  write(response, false, true);
  end_input();
}

void Http1Session::refuse_body() {
  refuse(413, "the request body is larger than " + std::to_string(limits_.http_body_bytes_max) + " bytes");
}

void Http1Session::end_input() {
  parser_.reset();
  shares_.requests.resize(&held_, 0);
  input_.clear();
  closing_ = true;
}

void Http1Session::write(const HttpResponse& response, bool keep_alive, bool with_body) {
  const bool may_have_body = response.status >= 200 && response.status != 204 && response.status != 304;
  const std::string length = "content-length: " + std::to_string(response.body.size()) + "\r\n";
  write_head(response, may_have_body ? length : "", keep_alive);
  if (may_have_body && with_body) out_.append(response.body);
}

// `framing` is the header that says where the body ends.
void Http1Session::write_head(const HttpResponse& response, std::string_view framing, bool keep_alive) {
  const auto status = http::int_to_status(static_cast<unsigned>(response.status));
  out_.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out_.append(view(http::obsolete_reason(status))).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    if (is_safe_header(name, value)) out_.append(name).append(": ").append(value).append("\r\n");
  }
  out_.append("date: ").append(http_date_now()).append("\r\n");
  out_.append(framing);
  if (!keep_alive) out_.append("connection: close\r\n");
  out_.append("\r\n");
}

void Http1Session::drain(Time now) {
  now_ = now;
  draining_ = true;
  if (call_ == nullptr && parser_ == nullptr && input_.empty()) {
    closing_ = true;
    owner_.wake();
  }
}

void Http1Session::check_time(Time now) {
  now_ = now;
  if (closing_ || call_ != nullptr) return;
  if (parser_ == nullptr) {
    if (now - last_activity_ > limits_.idle_timeout) {
      closing_ = true;
      owner_.wake();
    }
    return;
  }
  const auto allowance = time_for(request_bytes_, limits_.request_bytes_per_second_min);
  if (now - begun_ >
      limits_.header_timeout + (parser_->is_header_done() ? allowance : std::chrono::seconds(0))) {
    refuse(408, "the request did not arrive in time");
    owner_.wake();
  }
}

}  // namespace cairn::rpc
