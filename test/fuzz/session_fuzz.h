// For the fuzz targets of client connections: a handler that answers everything, and a session fed piece by
// piece.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/handler.h"
#include "rpc/limits.h"
#include "rpc/session.h"
#include "rpc/shares.h"

namespace cairn::fuzz {

struct Zeros final : LongMessage {
  explicit Zeros(std::size_t size) : size_(size) {}
  bool measure() override { return true; }
  std::size_t size_bytes() const override { return size_; }
  void read(std::size_t bytes_max, std::string* out) override {
    const std::size_t size = std::min(bytes_max, size_ - at_);
    out->append(size, '\0');
    at_ += size;
  }
  bool finished() const override { return at_ == size_; }
  std::size_t size_, at_ = 0;
};

struct EchoHandler : rpc::Handler {
  struct Stream : rpc::GrpcStream {
    explicit Stream(std::shared_ptr<rpc::GrpcCall> with) : call(std::move(with)) {}
    // Takes the next message only once this one's answer has left, and a message "!" makes it careless.
    void on_message(std::string_view message) override {
      call->send("", message);
      if (message != "!" && !call->has_room()) call->pause();
    }
    void on_room() override { call->resume(); }
    void on_half_close() override { call->finish(Code::ok, ""); }
    std::shared_ptr<rpc::GrpcCall> call;
  };
  // As many pieces as the request has bytes.
  struct Pieces final : rpc::Producer {
    explicit Pieces(std::shared_ptr<rpc::HttpCall> with)
        : call(std::move(with)), left(call->request().body.size()) {}
    void on_room() override {
      for (; left > 0 && call->has_room(); --left) call->send(call->request().body);
      if (left == 0) call->finish();
    }
    std::shared_ptr<rpc::HttpCall> call;
    std::size_t left;
  };
  const rpc::Method* find_method(std::string_view path) const override {
    static constexpr rpc::Method kUnary{"/a/Unary"}, kLong{"/a/Long"},
        kStream{"/a/Stream", rpc::MethodKind::stream};
    if (path.ends_with("None")) return nullptr;
    return path.ends_with("Stream") ? &kStream : path.ends_with("Long") ? &kLong : &kUnary;
  }
  void on_unary(const rpc::Method& method, std::shared_ptr<rpc::GrpcCall> call,
                std::string_view request) override {
    if (method.path.ends_with("Long"))
      call->send(request, std::make_unique<Zeros>(request.size() * 100));
    else
      call->send(call->metadata("user-agent"), request);
    call->finish(request.empty() ? Code::not_found : Code::ok, request);
  }
  std::unique_ptr<rpc::GrpcStream> open_stream(const rpc::Method&,
                                               const std::shared_ptr<rpc::GrpcCall>& call) override {
    return std::make_unique<Stream>(call);
  }
  void on_http(std::shared_ptr<rpc::HttpCall> call) override {
    if (call->request().target == "/drop") return;
    if (call->request().target != "/stream")
      return call->respond({200, call->request().headers, call->request().body});
    auto producer = std::make_unique<Pieces>(call);
    Pieces& begun = *producer;
    call->respond({200, call->request().headers, "first"}, std::move(producer));
    if (!call->cancelled()) begun.on_room();
  }
};

struct Silent : rpc::Session::Owner {
  void wake() override {}
};

inline rpc::Limits small_limits() {
  rpc::Limits limits;
  limits.streams_per_connection_max = 8;
  limits.message_bytes_max = 1000;
  limits.header_bytes_max = 1000;
  limits.http_body_bytes_max = 1000;
  limits.stream_out_bytes_max = 4000;
  limits.open_streams_max = 4;
  limits.stream_unsent_bytes_max = 1000;
  limits.connection_unsent_bytes_max = 2000;
  limits.arriving_request_bytes_max = 2000;
  limits.long_reply_piece_bytes = 1000;
  limits.long_replies_per_connection_max = 4;
  return limits;
}

// The first byte says in what pieces the rest arrives.
template <class SessionType>
void feed(std::string_view before, const std::uint8_t* data, std::size_t size) {
  static const rpc::Limits limits = small_limits();
  if (size == 0) return;
  EchoHandler handler;
  Silent owner;
  Time now{};
  rpc::Shares shares(limits, [] {});
  SessionType session(limits, handler, shares, owner, now);
  const std::size_t piece = data[0] == 0 ? size : data[0];
  std::string bytes(before);
  bytes.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string out;
  for (std::size_t at = 0; at < bytes.size() && !session.finished(); at += piece) {
    // Exactly as long as the piece, so that reading past it is seen.
    const std::string part = bytes.substr(at, piece);
    if (session.wants_input()) session.receive(part, now);
    out.clear();
    session.collect(&out, 2000);
    shares.long_replies.turn();
    now += std::chrono::milliseconds(10);
    session.check_time(now);
  }
  session.drain(now);
  session.collect(&out, 2000);
}

}  // namespace cairn::fuzz
