#include "rpc/http2_callbacks.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "rpc/http2_session.h"

namespace cairn::rpc {

struct Http2Callbacks {
  static Http2Session& self(void* user_data) { return *static_cast<Http2Session*>(user_data); }
  static Http2Call* call(nghttp2_session* session, std::int32_t stream_id) {
    return static_cast<Http2Call*>(nghttp2_session_get_stream_user_data(session, stream_id));
  }

  static int frame_begins(nghttp2_session*, const nghttp2_frame_hd* head, void* user_data) {
    Http2Session& me = self(user_data);
    if (me.flood_guard_.frame_arrives(head->type, me.now_)) return 0;
    me.on_flood();
    return NGHTTP2_ERR_CALLBACK_FAILURE;  // nothing more is read, also of what has arrived
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return self(user_data).on_begin_request(frame->hd.stream_id);
  }

  static int header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* user_data) {
    Http2Call* const found = call(session, frame->hd.stream_id);
    if (found == nullptr) return 0;
    const std::string_view name_text(reinterpret_cast<const char*>(name), name_size);
    const std::string_view value_text(reinterpret_cast<const char*>(value), value_size);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self(user_data).on_header(*found, name_text, value_text);
    } else {
      self(user_data).on_trailer(*found, name_text, value_text);
    }
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    Http2Session& me = self(user_data);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (Http2Call* const found = call(session, frame->hd.stream_id)) {
          if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            me.on_request(*found, end);
          } else {
            me.on_trailers(*found, end);
          }
        }
        break;
      case NGHTTP2_DATA:
        if (end) {
          if (Http2Call* const found = call(session, frame->hd.stream_id)) me.on_end_of_stream(*found);
        } else if (frame->hd.length == frame->data.padlen) {  // CVE-2019-9518: work that carries nothing
          if (!me.flood_guard_.empty_data_arrives(me.now_)) me.on_flood();
        }
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) me.on_ping_ack();
        break;
      default:
        break;
    }
    return 0;
  }

  static int data(nghttp2_session* session, std::uint8_t flags, std::int32_t stream_id,
                  const std::uint8_t* bytes, std::size_t size, void* user_data) {
    nghttp2_session_consume_connection(session, size);
    if (Http2Call* const found = call(session, stream_id)) {
      self(user_data).on_data(*found, {reinterpret_cast<const char*>(bytes), size},
                              (flags & NGHTTP2_FLAG_END_STREAM) != 0);
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* session, std::int32_t stream_id, std::uint32_t, void* user_data) {
    self(user_data).on_stream_closed(stream_id, call(session, stream_id));
    return 0;
  }

  static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
    Http2Session& me = self(user_data);
    if (frame->hd.type == NGHTTP2_HEADERS) {
      me.flood_guard_.answer_is_sent();
      const std::int32_t id = frame->hd.stream_id;
      const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      // The answer is complete before the request was: RFC 9113 8.1 asks for a reset without error, so that
      // the client stops sending.
      if (end && nghttp2_session_get_stream_remote_close(session, id) == 0) {
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
      }
    } else if (frame->hd.type == NGHTTP2_DATA) {
      const bool cut_short = nghttp2_session_get_remote_window_size(session) == 0 ||
                             nghttp2_session_get_stream_remote_window_size(session, frame->hd.stream_id) == 0;
      me.flood_guard_.data_is_sent(frame->hd.length, cut_short);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR) {
      if (!me.flood_guard_.reset_is_sent(me.now_)) me.on_flood();
    }
    return 0;
  }

  static ssize_t read(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                      nghttp2_data_source* source, void* user_data) {
    Http2Call& of = *static_cast<Http2Call*>(source->ptr);
    const std::size_t unsent = of.unsent().size();
    if (unsent == 0 && !of.finished()) {
      of.waiting = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (unsent <= length && of.finished()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      self(user_data).submit_trailers(of);
    }
    return static_cast<ssize_t>(std::min(unsent, length));
  }

  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* frame_head,
                       std::size_t length, nghttp2_data_source* source, void* user_data) {
    constexpr std::size_t kFrameHeadBytes = 9;
    Http2Session& me = self(user_data);
    if (me.collecting_->size() >= me.collect_bytes_max_) return NGHTTP2_ERR_WOULDBLOCK;
    CHECK(frame->data.padlen == 0);  // we set no padding callback
    Http2Call& of = *static_cast<Http2Call*>(source->ptr);
    me.collecting_->append(reinterpret_cast<const char*>(frame_head), kFrameHeadBytes);
    me.collecting_->append(of.unsent().substr(0, length));
    of.mark_sent(length);
    return 0;
  }
};

const nghttp2_session_callbacks* http2_server_callbacks() {
  static const nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    CHECK(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, Http2Callbacks::frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, Http2Callbacks::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, Http2Callbacks::header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, Http2Callbacks::frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Http2Callbacks::data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, Http2Callbacks::stream_closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, Http2Callbacks::frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(made, Http2Callbacks::send_data);
    return made;
  }();
  return callbacks;
}

nghttp2_data_source_read_callback http2_read_callback() { return Http2Callbacks::read; }

}  // namespace cairn::rpc
