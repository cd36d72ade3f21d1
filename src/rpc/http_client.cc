#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <span>
#include <sstream>
#include <vector>

#include "net/channel.h"
#include "net/socket.h"  // tidy-allow(heavy): it connects
#include "rpc/client.h"

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using BeastRequest = http::request<http::string_body>;
using ResponseParser = http::response_parser<http::string_body>;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;  // at once
constexpr std::size_t kChunkedEndBytes = 5;                // "0\r\n\r\n"

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

HttpClient::Reply failure(HttpClient::Failure kind, std::string message) {
  return {std::nullopt, {kind, std::move(message)}};
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// The connection, and what has arrived on it that is not parsed yet.
struct Link final : net::Channel::User {
  std::span<char> room() override { return buffer; }
  void on_bytes(std::size_t count) override {
    arrived.append(buffer.data(), count);
    channel->read();
  }
  void on_written() override {}
  void on_end(const net::Channel::End& with) override { end = with; }

  std::shared_ptr<net::Channel> channel;
  std::vector<char> buffer = std::vector<char>(kReadBytes);
  std::string arrived;
  std::optional<net::Channel::End> end;
};

}  // namespace

struct HttpClient::Impl {
  // What the last attempt came to; `stale` is a kept connection that died before any byte of the answer.
  struct Attempt {
    Reply reply;
    bool stale = false;
  };

  Impl(std::string to, std::uint16_t to_port, Options with)
      : host(std::move(to)), port(to_port), options(std::move(with)) {
    name = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  }

  ~Impl() { close(); }

  std::optional<Error> connect();
  std::optional<Error> reach(net::Socket* socket, Time deadline);
  Error too_late() const;
  template <class Done>
  bool run_until(Time deadline, Done done);
  BeastRequest build(const HttpRequest& request) const;
  Attempt attempt(const HttpRequest& request, Time deadline);
  Attempt exchange(const BeastRequest& request, Time deadline, bool reused);
  void close();

  std::string host;
  std::uint16_t port;
  std::string name;  // host:port
  Options options;
  asio::io_context io;
  std::shared_ptr<Link> link;  // while connected
};

// False when the time is over first.
template <class Done>
bool HttpClient::Impl::run_until(Time deadline, Done done) {
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    io.restart();
    io.run_one_until(deadline);
  }
  return true;
}

void HttpClient::Impl::close() {
  if (link != nullptr) std::exchange(link, nullptr)->channel->close();
  io.restart();
  io.poll();  // what was under way is over
}

std::optional<HttpClient::Error> HttpClient::Impl::reach(net::Socket* socket, Time deadline) {
  const auto unreachable = [this](const beast::error_code& error) {
    return Error{Failure::unreachable, "cannot connect to " + name + ": " + error.message()};
  };
  beast::error_code error;
  const auto address = asio::ip::make_address(host, error);
  std::vector<asio::ip::tcp::endpoint> endpoints = {{address, port}};
  if (error) {
    endpoints.clear();
    asio::ip::tcp::resolver resolver(io);
    for (const auto& found : resolver.resolve(host, std::to_string(port), error))
      endpoints.push_back(found.endpoint());
    if (error) return unreachable(error);
  }
  std::optional<beast::error_code> outcome;
  asio::async_connect(*socket, endpoints,
                      [&outcome](const beast::error_code& failed, const auto&) { outcome = failed; });
  if (!run_until(deadline, [&outcome] { return outcome.has_value(); })) {
    beast::error_code ignored;
    socket->close(ignored);
    io.restart();
    io.poll();
    return too_late();
  }
  return *outcome ? std::optional(unreachable(*outcome)) : std::nullopt;
}

HttpClient::Error HttpClient::Impl::too_late() const {
  return {Failure::connect_timeout, "cannot connect to " + name + " in time; is the address right?"};
}

std::optional<HttpClient::Error> HttpClient::Impl::connect() {
  const Time deadline = std::chrono::steady_clock::now() + options.connect_timeout;
  net::Socket socket(io.get_executor());
  if (auto error = reach(&socket, deadline)) return error;
  link = std::make_shared<Link>();
  link->channel = net::open_channel(std::move(socket));
  if (options.layer) link->channel = options.layer(io, std::move(link->channel), host);
  link->channel->start(link);
  link->channel->read();
  const bool in_time = run_until(deadline, [this] { return link->channel->ready() || link->end; });
  if (in_time && !link->end) return std::nullopt;
  const auto end = link->end;
  close();
  return end ? Error{Failure::unreachable, "cannot connect to " + name + ": " + end->why} : too_late();
}

BeastRequest HttpClient::Impl::build(const HttpRequest& request) const {
  BeastRequest built;
  built.version(11);
  built.method_string(request.method);
  built.target(request.target);
  built.set(http::field::host, name);
  for (const auto& [header, value] : request.headers) built.insert(header, value);
  built.body() = request.body;
  built.prepare_payload();
  return built;
}

namespace {

// Parses what has arrived. True when the answer is complete, or can only be an error.
bool parse(Link* link, ResponseParser* parser, beast::error_code* error) {
  while (!link->arrived.empty() && !parser->is_done()) {
    // Beast asserts that, once it has seen the last chunk begin, it is shown at least the shortest end of a
    // body.
    if (parser->is_header_done() && parser->chunked() && link->arrived.size() < kChunkedEndBytes) break;
    const std::size_t taken = parser->put(asio::buffer(link->arrived), *error);
    link->arrived.erase(0, taken);
    if (*error == http::error::need_more) *error = {};
    if (*error) return true;
    if (taken == 0) break;
  }
  if (!parser->is_done() && link->end) {
    *error = http::error::partial_message;
    if (link->end->orderly && parser->got_some())
      parser->put_eof(*error);  // which ends a body that says no length
    return true;
  }
  return parser->is_done();
}

}  // namespace

HttpClient::Impl::Attempt HttpClient::Impl::exchange(const BeastRequest& request, Time deadline,
                                                     bool reused) {
  std::ostringstream written;
  written << request;
  const std::string bytes = std::move(written).str();
  link->channel->write(bytes);

  ResponseParser parser;
  parser.eager(true);
  parser.header_limit(options.header_bytes_max);
  parser.body_limit(options.response_bytes_max);
  parser.skip(request.method() == http::verb::head);
  beast::error_code error;
  const bool in_time = run_until(deadline, [&] { return parse(link.get(), &parser, &error); });
  const bool unsent = link->channel->stuck_since().has_value();
  if (!in_time) {
    close();
    return {failure(Failure::timeout, name + " did not answer in time (" +
                                          (unsent ? "sending" : "waiting for the answer") +
                                          "): whether it did what was asked is unknown")};
  }
  const auto end = link->end;
  // A refusal may be sent before the request has been read: what is left of that would be taken for the next
  // one.
  if (error || unsent || end || !parser.get().keep_alive()) close();
  if (error && end && end->unheard)
    return {failure(Failure::unreachable, "cannot connect to " + name + ": " + end->why)};
  const bool cut = error == http::error::end_of_stream || error == http::error::partial_message;
  if (error && !cut) {
    return {
        failure(Failure::bad_response, "the answer of " + name + " is not understood: " + error.message())};
  }
  if (error) {
    return {failure(Failure::disconnected, name + " closed the connection (waiting for the answer, " +
                                               end->why + "): whether it did what was asked is unknown"),
            reused && !parser.got_some()};
  }
  auto message = parser.release();
  HttpResponse response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    response.headers.emplace_back(lower_case(view(field.name_string())), std::string(view(field.value())));
  }
  response.body = std::move(message.body());
  return {{std::move(response), {}}};
}

HttpClient::Impl::Attempt HttpClient::Impl::attempt(const HttpRequest& request, Time deadline) {
  const bool reused = link != nullptr;
  if (!reused) {
    if (auto error = connect()) return {{std::nullopt, *std::move(error)}};
  }
  return exchange(build(request), deadline, reused);
}

HttpClient::HttpClient(std::string host, std::uint16_t port, Options options)
    : impl_(std::make_unique<Impl>(std::move(host), port, std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpClient::Reply HttpClient::request(const HttpRequest& request) {
  return this->request(request, impl_->options.request_timeout);
}

HttpClient::Reply HttpClient::request(const HttpRequest& request, Duration timeout) {
  const Time deadline = std::chrono::steady_clock::now() + timeout;
  Impl::Attempt attempt = impl_->attempt(request, deadline);
  const bool safe = request.method == "GET" || request.method == "HEAD";
  if (attempt.stale && safe) attempt = impl_->attempt(request, deadline);
  return std::move(attempt.reply);
}

void HttpClient::close() { impl_->close(); }

}  // namespace cairn::rpc
