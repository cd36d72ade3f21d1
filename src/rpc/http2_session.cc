#include "rpc/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "rpc/http2_callbacks.h"

namespace cairn::rpc {
namespace {

nghttp2_nv fixed_header(std::string_view name, std::string_view value) {
  // nghttp2 takes non-const pointers and only reads through them.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

nghttp2_nv copied_header(std::string_view name, std::string_view value) {
  nghttp2_nv header = fixed_header(name, value);
  header.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
  return header;
}

nghttp2_option* make_options(const Limits& limits) {
  nghttp2_option* options = nullptr;
  CHECK(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_max_outbound_ack(options, limits.outbound_acks_max);
  nghttp2_option_set_max_settings(options, limits.settings_entries_max);
  nghttp2_option_set_max_continuations(options, limits.continuations_max);
  // FloodGuard counts resets; nghttp2 would count those that answers have paid for, too.
  constexpr std::uint64_t kNever = std::uint64_t{1} << 62;
  nghttp2_option_set_stream_reset_rate_limit(options, kNever, kNever);
  nghttp2_option_set_no_closed_streams(options, 1);
  // A stream's window is given back when its handler has taken the message: on_data does it.
  nghttp2_option_set_no_auto_window_update(options, 1);
  // etcdctl 3.4 sends a URL as :authority, which nghttp2 would refuse; see RequestCheck.
  nghttp2_option_set_no_http_messaging(options, 1);
  return options;
}

}  // namespace

Http2Session::Http2Session(const Limits& limits, Handler& handler, Shares& shares, Session::Owner& owner,
                           Time now)
    : limits_(limits),
      handler_(handler),
      shares_(shares),
      unsent_(limits.connection_unsent_bytes_max, &shares.unsent),
      owner_(owner),
      calls_alive_(std::make_shared<std::size_t>(0)),
      flood_guard_(limits),
      now_(now),
      last_activity_(now) {
  nghttp2_option* const options = make_options(limits);
  CHECK(nghttp2_session_server_new2(&session_, http2_server_callbacks(), this, options) == 0);
  nghttp2_option_del(options);
  const auto setting = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
  const std::array<nghttp2_settings_entry, 4> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, setting(limits.streams_per_connection_max)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, setting(limits.header_bytes_max)},
      // Spares the dependency tree of RFC 7540, which costs more than the rest of a small call.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                              limits.connection_window_bytes) == 0);
}

Http2Session::~Http2Session() {
  for (const auto& call : calls_) {
    call->detach();
    let_go_of_request(*call);
    report_end(*call);
    call->stream.reset();
  }
  nghttp2_session_del(session_);
}

void Http2Session::receive(std::string_view bytes, Time now) {
  if (failed_) return;
  now_ = now;
  last_activity_ = now;
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    if (taken == NGHTTP2_ERR_FLOODED) nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    failed_ = true;
  }
  if (failed_ || nghttp2_session_want_write(session_) != 0 || finished()) owner_.wake();
}

void Http2Session::collect(std::string* out, std::size_t bytes_max) {
  serve_due();
  collecting_ = out;
  collect_bytes_max_ = bytes_max;
  while (out->size() < bytes_max) {
    const std::uint8_t* data = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) failed_ = true;
    if (size <= 0) break;
    out->append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  collecting_ = nullptr;
  if (!due_.empty()) owner_.wake();  // other connections have their turn first
}

bool Http2Session::finished() const {
  return failed_ || (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

void Http2Session::drain(Time now) {
  if (draining_ || failed_) return;
  draining_ = true;
  drain_deadline_ = now + limits_.drain_notice;
  // RFC 9113 6.8: first the announcement, and once a ping has come back (so the client has seen it) the last
  // word, since a request sent in between would otherwise be lost.
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  owner_.wake();
}

void Http2Session::on_ping_ack() {
  if (!draining_ || final_goaway_sent_) return;
  final_goaway_sent_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
  owner_.wake();
}

void Http2Session::check_time(Time now) {
  now_ = now;
  if (draining_ && now >= drain_deadline_) on_ping_ack();
  if (calls_.empty()) {
    if (now - last_activity_ > limits_.idle_timeout) terminate(NGHTTP2_NO_ERROR);
    return;
  }
  for (const auto& call : calls_) {
    cut_if_too_slow(*call);
    if (call->dispatched || call->finished()) continue;
    const auto allowance = time_for(call->received_bytes, limits_.request_bytes_per_second_min);
    if (now - call->begun > limits_.header_timeout + allowance) {
      call->finish(Code::deadline_exceeded, "the request did not arrive in time");
    }
  }
}

// Nothing can follow a message that breaks off, so it is a reset; gRPC's clients read this one as
// RESOURCE_EXHAUSTED. The frame needs no room in the window that the client leaves full.
void Http2Session::cut_if_too_slow(Http2Call& call) {
  if (!call.too_slow(now_)) return;
  call.cut(Code::resource_exhausted);
  reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::terminate(std::uint32_t http2_error) {
  nghttp2_session_terminate_session(session_, http2_error);
  owner_.wake();
}

void Http2Session::call_has_output(Http2Call& call) {
  if (!call.responding) {
    submit_response(call);
  } else if (call.waiting) {
    call.waiting = false;
    nghttp2_session_resume_data(session_, call.stream_id);
  }
  owner_.wake();
}

void Http2Session::call_is_due(Http2Call& call) {
  if (call.due) return;
  call.due = true;
  due_.push_back(calls_[call.slot]);
  owner_.wake();
}

void Http2Session::serve_due() {
  const std::vector<std::shared_ptr<Http2Call>> due = std::exchange(due_, {});
  for (const auto& call : due) {
    call->due = false;
    if (call->stream != nullptr) serve_due(*call);
  }
}

void Http2Session::call_overflowed(Http2Call& call) {
  // The client does not read what it asked for; trailers would queue behind the very bytes it leaves unread.
  reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::reset(Http2Call& call, std::uint32_t http2_error) {
  call.detach();
  call.dispatched = true;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, call.stream_id, http2_error);
  owner_.wake();
}

void Http2Session::submit_response(Http2Call& call) {
  static const std::array<nghttp2_nv, 2> kHeaders = {fixed_header(":status", "200"),
                                                     fixed_header("content-type", "application/grpc")};
  call.responding = true;
  if (!call.finished() || !call.unsent().empty()) {
    const nghttp2_data_provider provider{{.ptr = &call}, http2_read_callback()};
    nghttp2_submit_response(session_, call.stream_id, kHeaders.data(), kHeaders.size(), &provider);
    return;
  }
  // Without a message the status goes into the headers and these end the stream: clients take headers
  // followed by trailers for a response whose message got lost (nghttp2 issue 588).
  std::array<nghttp2_nv, 5> headers = {kHeaders[0], kHeaders[1],
                                       fixed_header("grpc-status", code_text(call.code()))};
  std::size_t count = 3;
  if (!call.message().empty()) headers[count++] = copied_header("grpc-message", call.message());
  if (call.code() == Code::unimplemented) headers[count++] = fixed_header("grpc-accept-encoding", "identity");
  nghttp2_submit_response(session_, call.stream_id, headers.data(), count, nullptr);
}

void Http2Session::submit_trailers(Http2Call& call) {
  std::array<nghttp2_nv, 2> trailers = {fixed_header("grpc-status", code_text(call.code()))};
  std::size_t count = 1;
  if (!call.message().empty()) trailers[count++] = copied_header("grpc-message", call.message());
  nghttp2_submit_trailer(session_, call.stream_id, trailers.data(), count);
}

void Http2Session::refuse_http(Http2Call& call, std::string_view http_status) {
  const nghttp2_nv header = copied_header(":status", http_status);
  call.responding = true;
  call.dispatched = true;
  nghttp2_submit_response(session_, call.stream_id, &header, 1, nullptr);
}

}  // namespace cairn::rpc
