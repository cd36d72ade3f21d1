// Http2Session, the receiving half: from frames to calls of the handler.
#include <nghttp2/nghttp2.h>

#include <string>

#include "base/check.h"
#include "etcd/reasons.h"
#include "rpc/http2_session.h"

namespace cairn::rpc {

int Http2Session::on_begin_request(std::int32_t stream_id) {
  // A stream that was reset frees its place in HTTP/2 at once, but its work only when the handler lets go of
  // it; counting the streams alone is what rapid reset exploits.
  if (*calls_alive_ >= limits_.streams_per_connection_max) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  Http2CallHost& host = *this;
  auto call = std::make_shared<Http2Call>(host, stream_id, limits_, calls_alive_);
  call->slot = calls_.size();
  call->begun = now_;
  nghttp2_session_set_stream_user_data(session_, stream_id, call.get());
  calls_.push_back(std::move(call));
  return 0;
}

void Http2Session::on_header(Http2Call& call, std::string_view name, std::string_view value) {
  // What is beyond the limit is counted and no more looked at: a byte of HPACK may stand for a field of 4
  // KiB.
  if (call.add_header(name, value, limits_.header_bytes_max)) call.check.header(name, value);
}

void Http2Session::on_trailer(Http2Call& call, std::string_view name, std::string_view value) {
  if (!call.count_header(name, value, limits_.header_bytes_max)) return call.check.refuse();
  call.check.trailer(name, value);
}

void Http2Session::on_trailers(Http2Call& call, bool end_of_stream) {
  call.check.end_of_trailers(end_of_stream);
  if (!reset_if_malformed(call)) on_end_of_stream(call);
}

// RFC 9113 8.1.1: a malformed request is a stream error, and nothing of it is acted upon.
bool Http2Session::reset_if_malformed(Http2Call& call) {
  if (!call.check.malformed()) return false;
  if (!call.cancelled()) reset(call, NGHTTP2_PROTOCOL_ERROR);
  return true;
}

bool Http2Session::accept_headers(Http2Call& call) {
  if (call.header_bytes() > limits_.header_bytes_max) {
    call.finish(Code::resource_exhausted, "request headers larger than max (" +
                                              std::to_string(call.header_bytes()) + " vs. " +
                                              std::to_string(limits_.header_bytes_max) + ")");
    return false;
  }
  if (call.metadata(":method") != "POST") {
    refuse_http(call, "405");
    return false;
  }
  if (!is_grpc_content_type(call.metadata("content-type"))) {
    refuse_http(call, "415");
    return false;
  }
  const std::string_view path = call.method();
  call.row = handler_.find_method(path);
  if (call.row == nullptr) {
    call.finish(Code::unimplemented, unknown_method(path, handler_.knows_service(service_of(path))));
    return false;
  }
  if (const std::string_view text = call.metadata("grpc-timeout"); !text.empty()) {
    const auto timeout = parse_timeout(text);
    if (!timeout) {
      call.finish(Code::internal, "malformed grpc-timeout: \"" + std::string(text) + "\"");
      return false;
    }
    call.set_deadline(now_ + *timeout);
  }
  return true;
}

void Http2Session::on_request(Http2Call& call, bool end_of_stream) {
  call.check.end_of_headers();
  if (end_of_stream) call.check.end_of_stream();
  if (reset_if_malformed(call)) return;
  if (!accept_headers(call)) {
    call.dispatched = true;
    return;
  }
  if (call.row->kind == MethodKind::stream && !open_stream(call)) return;
  if (end_of_stream) on_end_of_stream(call);
}

// False when the call is over already.
bool Http2Session::open_stream(Http2Call& call) {
  call.dispatched = true;
  if (shares_.streams.full()) {
    call.refuse(etcd::error_of(Reason::too_many_requests));
    return false;
  }
  call.handled = true;
  call.begin_stream(shares_, unsent_);
  call.opening = true;
  call.stream = handler_.open_stream(*call.row, calls_[call.slot]);
  call.opening = false;
  CHECK(call.stream != nullptr || call.finished() || call.cancelled());
  return call.stream != nullptr;
}

void Http2Session::on_data(Http2Call& call, std::string_view bytes, bool end_of_stream) {
  if (call.finished() || call.cancelled()) return give_window_back(call, bytes.size());
  call.received_bytes += bytes.size();
  call.check.body(bytes.size());
  if (reset_if_malformed(call)) return;
  if (call.stream != nullptr) return on_stream_data(call, bytes);
  give_window_back(call, bytes.size());
  if (!call.dispatched) on_unary_data(call, bytes, end_of_stream);
}

// The connection's window is given back as soon as bytes arrive: a stream whose handler is busy must not hold
// up the others. What such a stream can pile up is bounded by its own window.
void Http2Session::give_window_back(const Http2Call& call, std::size_t bytes) {
  if (bytes > 0) nghttp2_session_consume_stream(session_, call.stream_id, bytes);
}

void Http2Session::on_stream_data(Http2Call& call, std::string_view bytes) {
  const std::size_t taken = call.has_kept() ? 0 : take_messages(call, bytes);
  if (taken == bytes.size() || call.finished() || call.cancelled()) return;
  call.keep(bytes.substr(taken));
  hold_request(call);
}

// Hands the messages to the handler for as long as it takes them. Returns how many bytes that were.
std::size_t Http2Session::take_messages(Http2Call& call, std::string_view bytes) {
  const std::size_t before = bytes.size();
  while (!call.paused() && !call.finished() && !call.cancelled()) {
    std::string_view message;
    const auto step = call.reader.next(&bytes, &message);
    if (step == MessageReader::Step::need_more) {
      hold_request(call);
      break;
    }
    if (step != MessageReader::Step::message) {
      refuse_message(call, step);
      break;
    }
    call.message_bytes += message.size();
    call.stream->on_message(message);
  }
  const std::size_t taken = before - bytes.size();
  give_window_back(call, taken);
  return taken;
}

void Http2Session::serve_due(Http2Call& call) {
  if (call.take_room_notice()) call.stream->on_room();
  if (call.paused() || call.finished() || call.cancelled()) return;
  if (call.has_kept()) {
    call.offer_kept([this, &call](std::string_view kept) { return take_messages(call, kept); });
    if (call.finished() || call.cancelled() || !hold_request(call) || call.paused()) return;
  }
  if (call.ended) end_messages(call);
}

void Http2Session::on_unary_data(Http2Call& call, std::string_view bytes, bool end_of_stream) {
  if (!call.has_request) {
    std::string_view message;
    const auto step = call.reader.next(&bytes, &message);
    if (step == MessageReader::Step::need_more) {
      hold_request(call);
      return;
    }
    if (step != MessageReader::Step::message) return refuse_message(call, step);
    // The usual call: the message is whole and its frame ends the stream, so it is handled where it lies.
    if (end_of_stream && bytes.empty() && call.check.body_complete()) return dispatch(call, message);
    call.has_request = true;
    call.request = call.reader.hold(message);
    if (!hold_request(call)) return;
  }
  if (!bytes.empty()) {
    call.dispatched = true;
    call.finish(Code::internal,
                "more than one request message for unary method " + std::string(call.method()));
  }
}

void Http2Session::dispatch(Http2Call& call, std::string_view request) {
  call.dispatched = call.handled = true;
  call.message_bytes = request.size();
  call.note_beginning(request);
  handler_.on_unary(*call.row, calls_[call.slot], request);
  if (call.held_bytes > 0) let_go_of_request(call);
}

// False, with the call finished, when the server holds too much of requests that have arrived in part.
bool Http2Session::hold_request(Http2Call& call) {
  if (shares_.requests.resize(&call.held_bytes, call.arrived_bytes())) return true;
  call.dispatched = true;
  call.refuse(etcd::error_of(Reason::too_many_requests));
  let_go_of_request(call);
  return false;
}

void Http2Session::let_go_of_request(Http2Call& call) {
  call.reader.release();
  call.drop_kept();
  call.request = {};
  shares_.requests.resize(&call.held_bytes, 0);
}

void Http2Session::on_end_of_stream(Http2Call& call) {
  if (call.finished() || call.cancelled()) return;
  call.check.end_of_stream();
  if (reset_if_malformed(call)) return;
  if (call.stream != nullptr) {
    call.ended = true;
    if (!call.paused() && !call.has_kept()) end_messages(call);
  } else if (!call.dispatched) {
    if (call.has_request) return dispatch(call, call.request);
    call.dispatched = true;
    call.finish(Code::internal, "the request ended before a whole message had arrived");
  }
}

void Http2Session::end_messages(Http2Call& call) {
  call.ended = false;  // said once
  if (call.reader.in_message()) return call.finish(Code::internal, "the request ended inside a message");
  call.stream->on_half_close();
}

void Http2Session::refuse_message(Http2Call& call, MessageReader::Step step) {
  call.dispatched = true;
  if (step == MessageReader::Step::too_large) {
    // grpc-go's words, since clients match on them.
    call.finish(Code::resource_exhausted, "grpc: received message larger than max (" +
                                              std::to_string(call.reader.length()) + " vs. " +
                                              std::to_string(limits_.message_bytes_max) + ")");
    return;
  }
  call.finish(Code::unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"" +
                                       std::string(call.metadata("grpc-encoding")) + "\"");
}

void Http2Session::on_flood() { terminate(NGHTTP2_ENHANCE_YOUR_CALM); }

void Http2Session::report_end(const Http2Call& call) {
  if (!call.handled) return;
  handler_.on_grpc_end({.method = *call.row,
                        .code = call.finished() ? call.code() : Code::cancelled,
                        .received_bytes = call.message_bytes,
                        .sent_bytes = call.sent_bytes(),
                        .begun = call.begun,
                        .beginning = call.beginning()});
}

void Http2Session::on_stream_closed(std::int32_t stream_id, Http2Call* call) {
  if (call == nullptr) return;
  nghttp2_session_set_stream_user_data(session_, stream_id, nullptr);
  call->detach();
  let_go_of_request(*call);
  report_end(*call);
  const std::size_t slot = call->slot;
  const std::shared_ptr<Http2Call> closed = std::move(calls_[slot]);
  if (slot + 1 != calls_.size()) {
    calls_[slot] = std::move(calls_.back());
    calls_[slot]->slot = slot;
  }
  calls_.pop_back();
  closed->stream.reset();
  last_activity_ = now_;
}

}  // namespace cairn::rpc
