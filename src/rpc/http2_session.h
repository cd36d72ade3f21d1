// Http2Session: HTTP/2 with gRPC on top, for the server side, over nghttp2. Turns frames into calls of the
// Handler and answers into frames. Bounded: streams, header list, message size, unsent bytes, control frames,
// resets received and caused, and calls whose handler has not let go yet (all by Limits).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/flood_guard.h"
#include "rpc/handler.h"
#include "rpc/http2_call.h"
#include "rpc/limits.h"
#include "rpc/outflow.h"
#include "rpc/session.h"
#include "rpc/shares.h"

struct nghttp2_session;

namespace cairn::rpc {

struct Http2Callbacks;

class Http2Session final : public Session, private Http2CallHost {
 public:
  Http2Session(const Limits& limits, Handler& handler, Shares& shares, Session::Owner& owner, Time now);
  ~Http2Session() override;
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void receive(std::string_view bytes, Time now) override;
  void collect(std::string* out, std::size_t bytes_max) override;
  bool wants_input() const override { return !failed_; }
  bool finished() const override;
  void drain(Time now) override;
  void check_time(Time now) override;

  std::size_t open_calls() const { return calls_.size(); }

 private:
  friend struct Http2Callbacks;  // nghttp2's C callbacks, one for each on_ method here

  std::string_view common_name() const override { return owner_.common_name(); }
  void call_has_output(Http2Call& call) override;
  void call_overflowed(Http2Call& call) override;
  void call_had_turn(std::size_t bytes_made) override { handler_.on_long_reply_turn(bytes_made); }
  void call_is_due(Http2Call& call) override;
  std::unique_ptr<LongReplies::Place> admit_long_reply(LongReplies::Producer* producer) override {
    return shares_.long_replies.admit(&long_replies_open_, producer);
  }

  int on_begin_request(std::int32_t stream_id);
  void on_header(Http2Call& call, std::string_view name, std::string_view value);
  void on_trailer(Http2Call& call, std::string_view name, std::string_view value);
  void on_trailers(Http2Call& call, bool end_of_stream);
  void on_request(Http2Call& call, bool end_of_stream);
  void on_data(Http2Call& call, std::string_view bytes, bool end_of_stream);
  void on_end_of_stream(Http2Call& call);
  void on_flood();
  void on_stream_closed(std::int32_t stream_id, Http2Call* call);
  void on_ping_ack();

  bool accept_headers(Http2Call& call);
  void on_unary_data(Http2Call& call, std::string_view bytes, bool end_of_stream);
  void on_stream_data(Http2Call& call, std::string_view bytes);
  std::size_t take_messages(Http2Call& call, std::string_view bytes);
  void give_window_back(const Http2Call& call, std::size_t bytes);
  bool open_stream(Http2Call& call);
  void end_messages(Http2Call& call);
  void serve_due();
  void serve_due(Http2Call& call);
  void dispatch(Http2Call& call, std::string_view request);
  bool hold_request(Http2Call& call);
  void let_go_of_request(Http2Call& call);
  void refuse_message(Http2Call& call, MessageReader::Step step);
  void report_end(const Http2Call& call);
  void cut_if_too_slow(Http2Call& call);
  bool reset_if_malformed(Http2Call& call);
  void reset(Http2Call& call, std::uint32_t http2_error);
  void refuse_http(Http2Call& call, std::string_view http_status);
  void submit_response(Http2Call& call);
  void submit_trailers(Http2Call& call);
  void terminate(std::uint32_t http2_error);

  const Limits& limits_;
  Handler& handler_;
  Shares& shares_;
  std::size_t long_replies_open_ = 0;  // of this connection
  UnsentBytes unsent_;                 // of its streams
  Session::Owner& owner_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::shared_ptr<Http2Call>> calls_;  // one for each open stream
  std::vector<std::shared_ptr<Http2Call>> due_;    // at the next collect()
  std::shared_ptr<std::size_t> calls_alive_;       // also those whose stream is gone
  std::string* collecting_ = nullptr;              // where frames go during collect()
  std::size_t collect_bytes_max_ = 0;
  FloodGuard flood_guard_;
  Time now_{};  // of the last receive or check
  Time last_activity_{};
  Time drain_deadline_{};
  bool draining_ = false;
  bool final_goaway_sent_ = false;
  bool failed_ = false;
};

}  // namespace cairn::rpc
