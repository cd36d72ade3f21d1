#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "rpc/client.h"

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

using BeastRequest = http::request<http::string_body>;
using ResponseParser = http::response_parser<http::string_body>;

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

}  // namespace

struct HttpClient::Impl {
  // What the last attempt came to; `stale` is a kept connection that died before any byte of the answer.
  struct Attempt {
    Reply reply;
    bool stale = false;
  };

  Impl(std::string to, std::uint16_t to_port, Options with)
      : host(std::move(to)), port(to_port), options(with), stream(io) {
    name = (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  }

  beast::error_code run();
  beast::error_code connect();
  BeastRequest build(const HttpRequest& request) const;
  Attempt attempt(const HttpRequest& request, Time deadline);
  Attempt exchange(const BeastRequest& request, Time deadline, bool reused);
  void close();

  std::string host;
  std::uint16_t port;
  std::string name;  // host:port
  Options options;
  asio::io_context io;
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  bool open = false;
  beast::error_code outcome;
  std::size_t transferred = 0;
};

// Runs the one operation that is in flight; tcp_stream's expiry bounds it.
beast::error_code HttpClient::Impl::run() {
  io.restart();
  io.run();
  return outcome;
}

void HttpClient::Impl::close() {
  beast::error_code ignored;
  stream.socket().close(ignored);
  buffer.clear();
  open = false;
}

beast::error_code HttpClient::Impl::connect() {
  stream.expires_after(options.connect_timeout);
  beast::error_code error;
  const auto address = asio::ip::make_address(host, error);
  const auto on_done = [this](const beast::error_code& failed) { outcome = failed; };
  if (!error) {
    stream.async_connect(asio::ip::tcp::endpoint(address, port), on_done);
  } else {
    asio::ip::tcp::resolver resolver(io);
    const auto found = resolver.resolve(host, std::to_string(port), error);
    if (error) return error;
    stream.async_connect(found, [this](const beast::error_code& failed, const auto&) { outcome = failed; });
  }
  if (run()) return outcome;
  open = true;
  stream.socket().set_option(asio::ip::tcp::no_delay(true), error);
  return {};
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

HttpClient::Impl::Attempt HttpClient::Impl::exchange(const BeastRequest& request, Time deadline,
                                                     bool reused) {
  const auto on_done = [this](const beast::error_code& failed, std::size_t size) {
    outcome = failed;
    transferred = size;
  };
  const auto failed = [&](const beast::error_code& error, const char* during) {
    close();
    if (error == beast::error::timeout) {
      return Attempt{failure(Failure::timeout, name + " did not answer in time (" + during +
                                                   "): whether it did what was asked is unknown")};
    }
    return Attempt{failure(Failure::disconnected, name + " closed the connection (" + during + ", " +
                                                      error.message() +
                                                      "): whether it did what was asked is unknown")};
  };
  stream.expires_at(deadline);
  http::async_write(stream, request, on_done);
  // A refusal may be sent before the request has been read, so the answer is read even after a failed write.
  const beast::error_code write_error = run();
  if (write_error == beast::error::timeout) return failed(write_error, "sending");

  ResponseParser parser;
  parser.header_limit(options.header_bytes_max);
  parser.body_limit(options.response_bytes_max);
  parser.skip(request.method() == http::verb::head);
  http::async_read(stream, buffer, parser, on_done);
  if (const auto error = run(); error) {
    const bool nothing = !parser.got_some() && buffer.size() == 0;
    if (error == beast::error::timeout) return failed(error, "waiting for the answer");
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error.category() == asio::error::get_system_category() ||
        error.category() == asio::error::get_misc_category()) {
      Attempt attempt = failed(error, "waiting for the answer");
      attempt.stale = reused && nothing;
      return attempt;
    }
    close();
    return {
        failure(Failure::bad_response, "the answer of " + name + " is not understood: " + error.message())};
  }
  auto message = parser.release();
  HttpResponse response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    response.headers.emplace_back(lower_case(view(field.name_string())), std::string(view(field.value())));
  }
  response.body = std::move(message.body());
  if (!message.keep_alive() || write_error) close();
  return {{std::move(response), {}}};
}

HttpClient::Impl::Attempt HttpClient::Impl::attempt(const HttpRequest& request, Time deadline) {
  const bool reused = open;
  if (!open) {
    if (const auto error = connect(); error) {
      close();
      if (error == beast::error::timeout) {
        return {failure(Failure::connect_timeout,
                        "cannot connect to " + name + " in time; is the address right?")};
      }
      return {failure(Failure::unreachable, "cannot connect to " + name + ": " + error.message())};
    }
  }
  return exchange(build(request), deadline, reused);
}

HttpClient::HttpClient(std::string host, std::uint16_t port, Options options)
    : impl_(std::make_unique<Impl>(std::move(host), port, options)) {}
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
