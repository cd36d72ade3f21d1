// Http2Call: one gRPC call on an HTTP/2 stream: its request headers, the message being read, the output not
// yet framed. What decides is Http2Session; this class holds and hands over. Owner: the session while the
// stream is open, and whoever keeps the shared_ptr. Threading: none of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/grpc_framing.h"
#include "rpc/handler.h"
#include "rpc/limits.h"
#include "rpc/long_replies.h"
#include "rpc/outflow.h"
#include "rpc/request_check.h"
#include "rpc/shares.h"

namespace cairn::rpc {

class Http2Call;

// What a call asks of its session.
struct Http2CallHost {
  virtual ~Http2CallHost() = default;
  virtual std::string_view common_name() const = 0;
  virtual void call_has_output(Http2Call& call) = 0;
  virtual void call_overflowed(Http2Call& call) = 0;
  virtual void call_had_turn(std::size_t bytes_made) = 0;
  // Its handler takes messages again, or is to be told of room: soon, but not from inside this.
  virtual void call_is_due(Http2Call& call) = 0;
  // Null when there are too many long replies already.
  virtual std::unique_ptr<LongReplies::Place> admit_long_reply(LongReplies::Producer* producer) = 0;
};

class Http2Call final : public GrpcCall, private LongReplies::Producer {
 public:
  Http2Call(Http2CallHost& host, std::int32_t stream_id, const Limits& limits,
            std::shared_ptr<std::size_t> alive);
  ~Http2Call() override;
  Http2Call(const Http2Call&) = delete;
  Http2Call& operator=(const Http2Call&) = delete;

  std::string_view method() const override;
  std::string_view metadata(std::string_view name) const override;
  std::optional<Time> deadline() const override { return deadline_; }
  bool cancelled() const override { return host_ == nullptr; }
  std::string_view common_name() const override {
    return host_ == nullptr ? std::string_view() : host_->common_name();
  }
  void send(std::string_view head, std::string_view body) override;
  void send(std::string_view head, std::unique_ptr<LongMessage> body) override;
  void finish(Code code, std::string_view message) override;
  std::size_t unsent_bytes() const override { return unsent().size(); }
  bool has_room() override;
  void pause() override { paused_ = stream != nullptr || opening; }
  void resume() override;

  // For the session.
  // ---------------------------------------------------------------------------------------------

  // Alone: of a trailer, which is not kept.
  bool count_header(std::string_view name, std::string_view value, std::size_t bytes_max);
  // False when the headers together exceed bytes_max: the rest is not kept.
  bool add_header(std::string_view name, std::string_view value, std::size_t bytes_max);
  // The stream is gone: nothing can be sent any more.
  void detach();
  void set_deadline(Time deadline) { deadline_ = deadline; }

  std::string_view unsent() const { return std::string_view(out_).substr(sent_); }
  void mark_sent(std::size_t size);
  bool finished() const { return finished_ && long_reply_ == nullptr; }
  // The client takes the long reply of this call too slowly, if at all. Asked every now and then.
  bool too_slow(Time now);
  // Ends the call as if it had been finished with this code; what was not sent yet never will be.
  void cut(Code code);
  Code code() const { return code_; }
  const std::string& message() const { return message_; }  // percent-encoded
  std::size_t header_bytes() const { return header_bytes_; }
  std::size_t sent_bytes() const { return sent_bytes_; }  // of messages

  // It is a stream from here on, which counts until it is detached.
  void begin_stream(Shares& shares, UnsentBytes& of_connection);
  bool paused() const { return paused_; }
  // Once after each time that has_room() said no and there is some again.
  bool take_room_notice();
  // Bytes of messages that came while the handler took none.
  bool has_kept() const { return kept_taken_ < kept_.size(); }
  void keep(std::string_view bytes) { kept_.append(bytes); }
  // Has `take` take off the front of them as much as it likes; it returns how much that was, and may end the
  // call, which drops them.
  template <class Take>
  void offer_kept(Take take);
  // The memory that it holds for messages to come.
  std::size_t arrived_bytes() const { return reader.held_bytes() + (has_kept() ? kept_.capacity() : 0); }
  void drop_kept();

  const std::int32_t stream_id;
  std::size_t slot = 0;         // its place in the session's list
  const Method* row = nullptr;  // what the handler serves at the path
  RequestCheck check;
  MessageReader reader;
  std::unique_ptr<GrpcStream> stream;  // null for a unary call
  bool opening = false;                // the handler is making `stream`
  bool ended = false;                  // a stream whose client will send no more
  bool due = false;                    // it is in the session's list of those
  std::string_view request;            // the one message of a unary call that awaits the end of the stream
  void note_beginning(std::string_view message) {
    beginning_size_ = std::min(message.size(), beginning_.size());
    std::copy_n(message.begin(), beginning_size_, beginning_.begin());
  }
  std::string_view beginning() const { return {beginning_.data(), beginning_size_}; }

  Time begun{};
  std::size_t received_bytes = 0;
  std::size_t held_bytes = 0;  // of the memory for arriving requests
  bool has_request = false;
  std::size_t message_bytes = 0;
  bool dispatched = false;  // it waits for nothing more from the client
  bool handled = false;     // the handler got it
  bool responding = false;  // the response has been submitted
  bool waiting = false;     // nghttp2 asked for data and there was none

 private:
  static constexpr std::size_t kBeginningBytes = 64;
  struct Header {
    std::uint32_t name_at, name_size, value_at, value_size;
  };
  struct LongReply {
    std::unique_ptr<LongMessage> message;
    std::string head;
    std::unique_ptr<LongReplies::Place> place;
    bool begun = false;         // the size is known and the prefix written
    std::optional<Time> since;  // when too_slow() first saw it
    Time progress{};            // when it last saw that bytes had been taken, or were not there to take
    std::size_t taken = 0, taken_before = 0;
  };
  struct OpenStream {
    OpenStream(const Limits& limits, Shares& shares, UnsentBytes& of_connection)
        : place(shares.streams), outflow(limits, of_connection) {}
    StreamPlaces::Place place;
    Outflow outflow;
  };
  void on_turn() override;
  void note_unsent();
  bool room_is_back() const { return long_reply_ == nullptr && open_->outflow.has_room_again(); }
  void begin_message(std::string_view head, std::size_t body_bytes);
  bool begin_long_reply();
  std::string_view at(std::uint32_t from, std::uint32_t size) const { return {text_.data() + from, size}; }

  Http2CallHost* host_;
  std::array<char, kBeginningBytes> beginning_;  // of the request, as far as it is noted
  std::size_t beginning_size_ = 0;
  const Limits& limits_;
  std::unique_ptr<LongReply> long_reply_;
  std::unique_ptr<OpenStream> open_;  // null for a unary call, and once detached
  std::shared_ptr<std::size_t> alive_;
  std::string text_;
  std::vector<Header> headers_;
  std::uint32_t path_at_ = 0, path_size_ = 0;
  std::size_t header_bytes_ = 0;
  std::optional<Time> deadline_;
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t sent_bytes_ = 0;
  std::string kept_;
  std::size_t kept_taken_ = 0;
  bool paused_ = false;
  bool room_asked_ = false;  // and refused
  bool finished_ = false;
  Code code_ = Code::ok;
  std::string message_;
};

template <class Take>
void Http2Call::offer_kept(Take take) {
  std::string kept = std::exchange(kept_, {});
  std::size_t at = std::exchange(kept_taken_, 0);
  at += take(std::string_view(kept).substr(at));
  if (cancelled() || at == kept.size()) return;
  // Each byte is moved once, however few are taken at a time.
  if (at > kept.size() / 2) kept.erase(0, std::exchange(at, 0));
  kept_ = std::move(kept);
  kept_taken_ = at;
}

}  // namespace cairn::rpc
