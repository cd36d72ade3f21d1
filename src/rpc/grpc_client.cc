#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "net/channel.h"
#include "net/socket.h"  // tidy-allow(heavy): it connects
#include "rpc/client.h"
#include "rpc/grpc_framing.h"

namespace cairn::rpc {
namespace {

namespace asio = boost::asio;

struct Call {
  explicit Call(std::size_t message_bytes_max) : reader(message_bytes_max) {}
  GrpcDone done;
  GrpcMessage on_message;  // empty for a unary call
  GrpcMessage on_piece;    // of the message of a unary call that is not kept
  std::string out;
  std::size_t sent = 0;
  MessageReader reader;
  std::string_view reply;  // the message of a unary call that is not yet complete; the reader's
  std::string status_message;
  Code code = Code::unknown;
  bool has_status = false;
  bool half_closed = false;
  bool waiting = false;
  std::int32_t stream_id = -1;
  GrpcClient::StreamId id = 0;
  Time begun{};
};

nghttp2_nv header(std::string_view name, std::string_view value, std::uint8_t flags) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), flags};
}
constexpr std::uint8_t kStatic = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

Time clock_now() { return std::chrono::steady_clock::now(); }

}  // namespace

struct GrpcClient::Impl final : std::enable_shared_from_this<GrpcClient::Impl>, net::Channel::User {
  enum class State { idle, connecting, open };

  Impl(asio::io_context& loop, std::string to, std::uint16_t to_port, const Options& with)
      : options(with),
        io(loop),
        connecting(loop.get_executor()),
        address(std::move(to)),
        port(to_port),
        authority(address.find(':') == std::string::npos ? address + ":" + std::to_string(port)
                                                         : "[" + address + "]:" + std::to_string(port)) {}
  ~Impl() override { nghttp2_session_del(session); }

  void connect();
  void connect_to(std::vector<asio::ip::tcp::endpoint> endpoints);
  void new_session();
  void retire_session();
  // Null for a stream that nobody waits for, and for every stream of a retired session.
  static Call* call_of(nghttp2_session* of, std::int32_t stream_id, void* user_data) {
    if (static_cast<Impl*>(user_data)->session != of) return nullptr;
    return static_cast<Call*>(nghttp2_session_get_stream_user_data(of, stream_id));
  }
  Call& submit(std::string_view path, const Headers& metadata, std::optional<Duration> timeout,
               std::unique_ptr<Call> call);
  void resume(Call& call);
  void wake();
  void flush();
  std::span<char> room() override { return {input.get(), options.input_bytes}; }
  void on_bytes(std::size_t count) override;
  void on_written() override;
  void on_end(const net::Channel::End& end) override;
  void after_write();
  void hang_up();
  void fail_all(const std::string& why);
  void finish(Call& call, Code code, std::string_view message, std::string_view reply);
  void on_header(Call& call, std::string_view name, std::string_view value);
  void on_data(Call& call, std::string_view bytes);
  void on_closed(Call& call, std::uint32_t http2_error);
  static const nghttp2_session_callbacks* callbacks();

  const Options options;
  asio::io_context& io;
  net::Socket connecting;
  asio::ip::tcp::resolver resolver{io};
  std::shared_ptr<net::Channel> channel;  // while connected
  std::string address;
  std::uint16_t port;
  std::string authority;
  State state = State::idle;
  std::uint64_t generation = 0;  // of the connection, so that what belongs to an older one is ignored
  nghttp2_session* session = nullptr;
  std::unordered_map<StreamId, std::unique_ptr<Call>> calls;
  StreamId next_id = 1;
  std::string out;
  bool writing = false;  // out is being written
  bool flush_posted = false;
  bool detached = false;
  // Not touched before it is used: of 10,000 connections few ever read so much at once.
  std::unique_ptr<char[]> input = std::make_unique_for_overwrite<char[]>(options.input_bytes);
  Time now{};
};

namespace {

ssize_t read_request(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                     nghttp2_data_source* source, void*) {
  Call& call = *static_cast<Call*>(source->ptr);
  const std::size_t unsent = call.out.size() - call.sent;
  if (unsent == 0 && !call.half_closed) {
    call.waiting = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (unsent <= length && call.half_closed) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(std::min(unsent, length));
}

}  // namespace

const nghttp2_session_callbacks* GrpcClient::Impl::callbacks() {
  static const nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* c = nullptr;
    CHECK(nghttp2_session_callbacks_new(&c) == 0);
    nghttp2_session_callbacks_set_on_header_callback(
        c, [](nghttp2_session* s, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
          if (Call* const call = call_of(s, frame->hd.stream_id, user)) {
            static_cast<GrpcClient::Impl*>(user)->on_header(
                *call, {reinterpret_cast<const char*>(name), name_size},
                {reinterpret_cast<const char*>(value), value_size});
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, [](nghttp2_session* s, std::uint8_t,
                                                                    std::int32_t id,
                                                                    const std::uint8_t* bytes,
                                                                    std::size_t size, void* user) {
      if (Call* const call = call_of(s, id, user)) {
        static_cast<GrpcClient::Impl*>(user)->on_data(*call, {reinterpret_cast<const char*>(bytes), size});
      }
      return 0;
    });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        c, [](nghttp2_session* s, std::int32_t id, std::uint32_t error, void* user) {
          if (Call* const call = call_of(s, id, user))
            static_cast<GrpcClient::Impl*>(user)->on_closed(*call, error);
          return 0;
        });
    nghttp2_session_callbacks_set_send_data_callback(
        c,
        [](nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head, std::size_t length,
           nghttp2_data_source* source, void* user) -> int {
          constexpr std::size_t kFrameHeadBytes = 9;
          auto& me = *static_cast<GrpcClient::Impl*>(user);
          if (me.out.size() >= me.options.write_bytes_max) return NGHTTP2_ERR_WOULDBLOCK;
          Call& call = *static_cast<Call*>(source->ptr);
          me.out.append(reinterpret_cast<const char*>(frame_head), kFrameHeadBytes);
          me.out.append(call.out, call.sent, length);
          call.sent += length;
          if (call.sent == call.out.size()) {
            call.out.clear();
            call.sent = 0;
          }
          return 0;
        });
    return c;
  }();
  return made;
}

// A callback may close the client from inside the session, which must not be destroyed under its own feet.
void GrpcClient::Impl::retire_session() {
  if (session == nullptr) return;
  asio::post(
      io, [old = std::shared_ptr<nghttp2_session>(std::exchange(session, nullptr), nghttp2_session_del)] {});
}

void GrpcClient::Impl::new_session() {
  retire_session();
  nghttp2_option* http2 = nullptr;
  CHECK(nghttp2_option_new(&http2) == 0);
  nghttp2_option_set_no_closed_streams(http2, 1);
  if (!options.grants_windows) nghttp2_option_set_no_auto_window_update(http2, 1);
  // Before the server's settings arrive nghttp2 would otherwise start at most 100 streams.
  nghttp2_option_set_peer_max_concurrent_streams(http2, options.streams_max);
  CHECK(nghttp2_session_client_new2(&session, callbacks(), this, http2) == 0);
  nghttp2_option_del(http2);
  const std::array<nghttp2_settings_entry, 3> settings = {
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, options.connection_window_bytes);
}

void GrpcClient::Impl::connect() {
  state = State::connecting;
  const std::uint64_t mine = ++generation;
  new_session();
  out.clear();
  writing = false;
  boost::system::error_code is_name;
  const auto parsed = asio::ip::make_address(address, is_name);
  if (!is_name) return connect_to({{parsed, port}});
  resolver.async_resolve(
      address, std::to_string(port),
      [self = shared_from_this(), mine](const boost::system::error_code& failed, const auto& found) {
        if (self->generation != mine) return;
        if (failed) return self->fail_all("cannot find " + self->address + ": " + failed.message());
        std::vector<asio::ip::tcp::endpoint> endpoints;
        for (const auto& each : found) endpoints.push_back(each.endpoint());
        self->connect_to(std::move(endpoints));
      });
}

void GrpcClient::Impl::connect_to(std::vector<asio::ip::tcp::endpoint> endpoints) {
  const auto list = std::make_shared<std::vector<asio::ip::tcp::endpoint>>(std::move(endpoints));
  asio::async_connect(
      connecting, *list,
      [self = shared_from_this(), mine = generation, list](const boost::system::error_code& failed,
                                                           const auto&) {
        if (self->generation != mine) return;
        if (failed) return self->fail_all("cannot connect to " + self->authority + ": " + failed.message());
        self->channel = net::open_channel(std::move(self->connecting));
        if (self->options.layer)
          self->channel = self->options.layer(self->io, std::move(self->channel), self->address);
        self->channel->start(self);
        self->state = State::open;
        self->channel->read();
        self->flush();
      });
}

Call& GrpcClient::Impl::submit(std::string_view path, const Headers& metadata,
                               std::optional<Duration> timeout, std::unique_ptr<Call> made) {
  if (state == State::idle) connect();
  Call& call = *made;
  call.id = next_id++;
  call.begun = clock_now();
  calls.emplace(call.id, std::move(made));
  std::vector<nghttp2_nv> headers;
  headers.reserve(8 + metadata.size());
  headers.push_back(header(":method", "POST", kStatic));
  headers.push_back(header(":scheme", options.layer ? "https" : "http", kStatic));
  headers.push_back(header(":path", path, NGHTTP2_NV_FLAG_NO_COPY_NAME));
  headers.push_back(header(":authority", authority, kStatic));
  headers.push_back(header("content-type", "application/grpc", kStatic));
  headers.push_back(header("te", "trailers", kStatic));
  const std::string timeout_text = timeout ? format_timeout(*timeout) : std::string();
  if (timeout) headers.push_back(header("grpc-timeout", timeout_text, NGHTTP2_NV_FLAG_NO_COPY_NAME));
  for (const auto& [name, value] : metadata) headers.push_back(header(name, value, NGHTTP2_NV_FLAG_NONE));
  const nghttp2_data_provider provider{{.ptr = &call}, read_request};
  call.stream_id = nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &provider, &call);
  if (call.stream_id < 0) {
    asio::post(io, [self = shared_from_this(), id = call.id] {
      const auto found = self->calls.find(id);
      if (found != self->calls.end())
        self->finish(*found->second, Code::internal, "the request could not be sent", "");
    });
  }
  wake();
  return call;
}

void GrpcClient::Impl::resume(Call& call) {
  if (call.waiting) {
    call.waiting = false;
    nghttp2_session_resume_data(session, call.stream_id);
  }
  wake();
}

void GrpcClient::Impl::wake() {
  if (flush_posted || writing || state != State::open) return;
  flush_posted = true;
  asio::post(io, [self = shared_from_this()] {
    self->flush_posted = false;
    self->flush();
  });
}

void GrpcClient::Impl::flush() {
  if (writing || state != State::open) return;
  out.clear();
  const std::uint64_t mine = generation;
  while (out.size() < options.write_bytes_max) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(session, &data);
    if (generation != mine || detached)
      return;  // a call that was cancelled has ended, and its callback closed
    if (size < 0) return fail_all(std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  if (out.empty()) return;
  writing = !channel->write(out);
  if (!writing) after_write();
}

void GrpcClient::Impl::on_written() {
  writing = false;
  after_write();
}

void GrpcClient::Impl::after_write() {
  if (out.size() >= options.write_bytes_max || nghttp2_session_want_write(session) != 0) wake();
}

void GrpcClient::Impl::on_bytes(std::size_t count) {
  now = clock_now();
  const std::uint64_t mine = generation;
  const auto taken =
      nghttp2_session_mem_recv(session, reinterpret_cast<const std::uint8_t*>(input.get()), count);
  if (generation != mine || detached) return;
  if (taken < 0) return fail_all(std::string("HTTP/2: ") + nghttp2_strerror(static_cast<int>(taken)));
  if (nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0) {
    return fail_all("the server at " + authority + " has ended the connection");
  }
  if (nghttp2_session_want_write(session) != 0) wake();
  channel->read();
}

void GrpcClient::Impl::on_end(const net::Channel::End& end) {
  fail_all("disconnected from " + authority + ": " + end.why);
}

void GrpcClient::Impl::hang_up() {
  ++generation;
  state = State::idle;
  writing = false;
  retire_session();
  boost::system::error_code ignored;
  connecting.close(ignored);
  resolver.cancel();
  if (channel != nullptr) std::exchange(channel, nullptr)->close();
}

void GrpcClient::Impl::fail_all(const std::string& why) {
  hang_up();
  now = clock_now();
  // Callbacks may start new calls, which belong to the next connection.
  auto failed = std::move(calls);
  calls.clear();
  for (auto& [id, call] : failed) {
    if (call->done) call->done(GrpcReply{Code::unavailable, why, {}, now - call->begun});
  }
}

void GrpcClient::Impl::finish(Call& call, Code code, std::string_view message, std::string_view reply) {
  const auto found = calls.find(call.id);
  if (found == calls.end()) return;
  const std::unique_ptr<Call> kept = std::move(found->second);
  calls.erase(found);
  if (call.stream_id >= 0) nghttp2_session_set_stream_user_data(session, call.stream_id, nullptr);
  if (kept->done) kept->done(GrpcReply{code, message, reply, now - kept->begun});
}

void GrpcClient::Impl::on_header(Call& call, std::string_view name, std::string_view value) {
  if (name == "grpc-status") {
    int number = 2;
    std::from_chars(value.data(), value.data() + value.size(), number);
    call.code = static_cast<Code>(number);
    call.has_status = true;
  } else if (name == "grpc-message") {
    call.status_message = decode_status_message(value);
  } else if (name == ":status" && value != "200") {
    call.status_message = "HTTP status " + std::string(value);
  }
}

void GrpcClient::Impl::on_data(Call& call, std::string_view bytes) {
  while (!bytes.empty()) {  // asked for more, the reader would let go of the reply
    call.reply = {};
    std::string_view message;
    const auto step =
        call.on_piece ? call.reader.next_piece(&bytes, &message) : call.reader.next(&bytes, &message);
    if (call.on_piece && !message.empty()) call.on_piece(message);
    if (step == MessageReader::Step::need_more) return;
    if (step != MessageReader::Step::message) {
      call.status_message = "the server sent a message that is compressed or too large";
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call.stream_id, NGHTTP2_CANCEL);
      return;
    }
    if (call.on_message) {
      call.on_message(message);
    } else if (!call.on_piece) {
      call.reply = call.reader.hold(message);
    }
  }
}

void GrpcClient::Impl::on_closed(Call& call, std::uint32_t http2_error) {
  if (!call.has_status) {
    if (call.status_message.empty()) {
      call.status_message = std::string("stream closed: ") + nghttp2_http2_strerror(http2_error);
    }
    if (http2_error == NGHTTP2_REFUSED_STREAM) call.code = Code::unavailable;
    if (http2_error == NGHTTP2_CANCEL) call.code = Code::cancelled;
  }
  finish(call, call.code, call.status_message, call.reply);
}

GrpcClient::GrpcClient(asio::io_context& io, std::string address, std::uint16_t port, const Options& options)
    : impl_(std::make_shared<Impl>(io, std::move(address), port, options)) {}

GrpcClient::~GrpcClient() {
  impl_->detached = true;
  impl_->calls.clear();
  impl_->hang_up();
}

void GrpcClient::call(std::string_view path, std::string_view request, GrpcDone done) {
  static const Headers kNone;
  call(path, request, kNone, std::nullopt, std::move(done));
}

void GrpcClient::call(std::string_view path, std::string_view request, const Headers& metadata,
                      std::optional<Duration> timeout, GrpcDone done) {
  auto call = std::make_unique<Call>(impl_->options.message_bytes_max);
  call->done = std::move(done);
  call->half_closed = true;
  append_message(&call->out, "", request);
  impl_->submit(path, metadata, timeout, std::move(call));
}

void GrpcClient::call_in_pieces(std::string_view path, std::string_view request, GrpcMessage on_piece,
                                GrpcDone done) {
  auto call = std::make_unique<Call>(impl_->options.message_bytes_max);
  call->done = std::move(done);
  call->on_piece = std::move(on_piece);
  call->half_closed = true;
  append_message(&call->out, "", request);
  impl_->submit(path, {}, std::nullopt, std::move(call));
}

GrpcClient::StreamId GrpcClient::open_stream(std::string_view path, const Headers& metadata,
                                             GrpcMessage on_message, GrpcDone done) {
  auto call = std::make_unique<Call>(impl_->options.message_bytes_max);
  call->done = std::move(done);
  call->on_message = std::move(on_message);
  return impl_->submit(path, metadata, std::nullopt, std::move(call)).id;
}

void GrpcClient::write(StreamId id, std::string_view message) {
  const auto found = impl_->calls.find(id);
  if (found == impl_->calls.end() || found->second->half_closed) return;
  append_message(&found->second->out, "", message);
  impl_->resume(*found->second);
}

void GrpcClient::half_close(StreamId id) {
  const auto found = impl_->calls.find(id);
  if (found == impl_->calls.end()) return;
  found->second->half_closed = true;
  impl_->resume(*found->second);
}

void GrpcClient::cancel(StreamId id) {
  const auto found = impl_->calls.find(id);
  if (found == impl_->calls.end()) return;
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, found->second->stream_id, NGHTTP2_CANCEL);
  impl_->wake();
}

std::size_t GrpcClient::unsent_bytes(StreamId id) const {
  const auto found = impl_->calls.find(id);
  return found == impl_->calls.end() ? 0 : found->second->out.size() - found->second->sent;
}

std::size_t GrpcClient::open_calls() const { return impl_->calls.size(); }
bool GrpcClient::connected() const { return impl_->state == Impl::State::open; }
void GrpcClient::close() { impl_->fail_all("the client has closed the connection"); }

GrpcResult call_and_wait(asio::io_context& io, GrpcClient& client, std::string_view path,
                         std::string_view request, const Headers& metadata, Duration timeout) {
  // Outlives a call that never ends: its callback may still come when the loop runs again.
  const auto result = std::make_shared<std::optional<GrpcResult>>();
  client.call(path, request, metadata, timeout, [result](const GrpcReply& reply) {
    *result = GrpcResult{reply.code, std::string(reply.status_message), std::string(reply.message)};
  });
  const Time deadline = clock_now() + timeout;
  while (!*result) {
    const Time now = clock_now();
    if (now >= deadline) return {Code::deadline_exceeded, "no answer in time", ""};
    io.restart();
    io.run_one_for(deadline - now);
  }
  return **result;
}

}  // namespace cairn::rpc
