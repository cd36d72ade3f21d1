// Http1Session: HTTP/1.1 for the server side, parsed by Beast. One request at a time, in order: a pipelined
// one is parsed only when the answer to the one before has been written out. Bounded: header and body
// (Limits); input waiting behind a request in progress, by http1_waiting_bytes_max; a streamed answer as any
// stream (rpc/outflow.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rpc/handler.h"
#include "rpc/http1_head.h"
#include "rpc/limits.h"
#include "rpc/outflow.h"
#include "rpc/session.h"
#include "rpc/shares.h"

namespace cairn::rpc {

class Http1Call;

class Http1Session final : public Session {
 public:
  Http1Session(const Limits& limits, Handler& handler, Shares& shares, Session::Owner& owner, Time now);
  ~Http1Session() override;
  Http1Session(const Http1Session&) = delete;
  Http1Session& operator=(const Http1Session&) = delete;

  void receive(std::string_view bytes, Time now) override;
  void collect(std::string* out, std::size_t bytes_max) override;
  bool wants_input() const override;
  bool finished() const override { return closing_ && out_.empty(); }
  void drain(Time now) override;
  void check_time(Time now) override;

 private:
  friend class Http1Call;
  struct Parser;

  void parse();
  bool parse_some();
  bool begin_body(bool folded);
  void dispatch();
  void respond(HttpResponse response);
  void begin_stream(HttpResponse head, std::unique_ptr<Producer> producer);
  void send(std::string_view piece);
  void end_stream();
  bool has_room();
  void ask_turn();
  void note_unsent();
  void answered();
  void abandon();
  void refuse(int status, std::string_view detail);
  void refuse_body();
  void end_input();  // no more of it is read
  void write(const HttpResponse& response, bool keep_alive, bool with_body);
  void write_head(const HttpResponse& response, std::string_view framing, bool keep_alive);

  const Limits& limits_;
  Handler& handler_;
  Shares& shares_;
  Session::Owner& owner_;
  std::unique_ptr<Parser> parser_;  // of the request that is arriving
  FoldFinder folds_;                // in its head
  HttpRequest head_;                // of it, as soon as it is there
  Http1Call* call_ = nullptr;       // the request that is being answered
  std::string input_;               // not parsed yet
  std::string out_;
  Time now_{};
  Time last_activity_{};
  Time begun_{};
  std::size_t request_bytes_ = 0;
  std::size_t held_ = 0;  // of shares_.requests
  // Of the answer that is a stream, while there is one.
  struct Stream {
    Stream(const Limits& limits, Shares& shares, std::unique_ptr<Producer> of);
    StreamPlaces::Place place;
    UnsentBytes unsent;
    Outflow outflow;
    std::unique_ptr<Producer> producer;
    bool chunked = true;
    bool room_asked = false;
  };
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Stream> ended_stream_;  // until the next collect(): its producer may be what ended it
  std::unique_ptr<Producer> waiting_;     // for the answer to begin
  std::unique_ptr<Producer> waited_;      // until the next collect(), likewise
  bool head_only_ = false;
  bool http10_ = false;  // which knows no chunks
  bool keep_alive_ = true;
  bool draining_ = false;
  bool closing_ = false;
};

}  // namespace cairn::rpc
