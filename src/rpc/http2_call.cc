#include "rpc/http2_call.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "etcd/reasons.h"

namespace cairn::rpc {
namespace {

constexpr std::size_t kHeaderOverheadBytes = 32;  // how RFC 9113 6.5.2 counts the size of a header list
constexpr std::size_t kUsualHeaderTextBytes = 256;
constexpr std::size_t kUsualHeaders = 8;

}  // namespace

Http2Call::Http2Call(Http2CallHost& host, std::int32_t id, const Limits& limits,
                     std::shared_ptr<std::size_t> alive)
    : stream_id(id),
      reader(limits.message_bytes_max),
      host_(&host),
      limits_(limits),
      alive_(std::move(alive)) {
  ++*alive_;
  text_.reserve(kUsualHeaderTextBytes);
  headers_.reserve(kUsualHeaders);
}

Http2Call::~Http2Call() { --*alive_; }

bool Http2Call::count_header(std::string_view name, std::string_view value, std::size_t bytes_max) {
  header_bytes_ += name.size() + value.size() + kHeaderOverheadBytes;
  return header_bytes_ <= bytes_max;
}

bool Http2Call::add_header(std::string_view name, std::string_view value, std::size_t bytes_max) {
  if (!count_header(name, value, bytes_max)) return false;
  Header header{};
  header.name_at = static_cast<std::uint32_t>(text_.size());
  header.name_size = static_cast<std::uint32_t>(name.size());
  header.value_at = header.name_at + header.name_size;
  header.value_size = static_cast<std::uint32_t>(value.size());
  text_.append(name).append(value);
  if (name == ":path") {
    path_at_ = header.value_at;
    path_size_ = header.value_size;
  }
  headers_.push_back(header);
  return true;
}

std::string_view Http2Call::method() const { return at(path_at_, path_size_); }

std::string_view Http2Call::metadata(std::string_view name) const {
  for (const Header& header : headers_) {
    if (at(header.name_at, header.name_size) == name) return at(header.value_at, header.value_size);
  }
  return {};
}

void Http2Call::send(std::string_view head, std::string_view body) {
  if (host_ == nullptr || finished_) return;
  CHECK(long_reply_ == nullptr);  // its bytes would get between
  if (out_.size() - sent_ + kPrefixBytes + head.size() + body.size() > limits_.stream_out_bytes_max) {
    host_->call_overflowed(*this);
    return;
  }
  append_message(&out_, head, body);
  sent_bytes_ += head.size() + body.size();
  note_unsent();
  host_->call_has_output(*this);
}

void Http2Call::begin_stream(Shares& shares, UnsentBytes& of_connection) {
  open_ = std::make_unique<OpenStream>(limits_, shares, of_connection);
}

void Http2Call::note_unsent() {
  if (open_ != nullptr) open_->outflow.set(unsent().size());
}

bool Http2Call::has_room() {
  if (open_ == nullptr) return true;
  if (long_reply_ == nullptr && open_->outflow.has_room()) return true;
  room_asked_ = true;
  return false;
}

bool Http2Call::take_room_notice() {
  if (!room_asked_ || open_ == nullptr || finished_ || !room_is_back()) return false;
  room_asked_ = false;
  return true;
}

void Http2Call::resume() {
  if (!paused_) return;
  paused_ = false;
  if (host_ != nullptr) host_->call_is_due(*this);
}

void Http2Call::drop_kept() {
  std::string().swap(kept_);
  kept_taken_ = 0;
}

void Http2Call::finish(Code code, std::string_view message) {
  if (host_ == nullptr || finished_) return;
  finished_ = true;
  code_ = code;
  if (!message.empty()) message_ = encode_status_message(message);
  if (long_reply_ == nullptr) host_->call_has_output(*this);
}

void Http2Call::begin_message(std::string_view head, std::size_t body_bytes) {
  append_prefix(&out_, head.size() + body_bytes);
  out_.append(head);
  sent_bytes_ += head.size() + body_bytes;
}

void Http2Call::send(std::string_view head, std::unique_ptr<LongMessage> body) {
  if (host_ == nullptr || finished_) return;
  CHECK(long_reply_ == nullptr);
  if (body->measure() && body->size_bytes() <= limits_.long_reply_piece_bytes) {
    begin_message(head, body->size_bytes());
    while (!body->finished()) body->read(body->size_bytes(), &out_);
    note_unsent();
    return host_->call_has_output(*this);
  }
  auto place = host_->admit_long_reply(this);
  if (place == nullptr) return refuse(etcd::error_of(Reason::too_many_requests));
  long_reply_ = std::make_unique<LongReply>();
  long_reply_->message = std::move(body);
  long_reply_->head = head;
  long_reply_->place = std::move(place);
  long_reply_->place->ask();
}

// False when the size is not known yet, or too large.
bool Http2Call::begin_long_reply() {
  LongReply& reply = *long_reply_;
  if (!reply.message->measure()) {
    reply.place->ask();
    return false;
  }
  const std::size_t size = reply.head.size() + reply.message->size_bytes();
  if (size > kMessageBytesMax) {
    // grpc-go's words, since clients match on them.
    const std::string why = "grpc: trying to send message larger than max (" + std::to_string(size) +
                            " vs. " + std::to_string(kMessageBytesMax) + ")";
    long_reply_.reset();
    finished_ = false;
    finish(Code::resource_exhausted, why);
    return false;
  }
  begin_message(reply.head, reply.message->size_bytes());
  reply.begun = true;
  return true;
}

void Http2Call::on_turn() {
  if (!long_reply_->begun && !begin_long_reply()) {
    if (host_ != nullptr) host_->call_had_turn(0);
    return;
  }
  LongReply& reply = *long_reply_;
  const std::size_t unsent_before = unsent().size();
  const std::size_t made_before = out_.size();
  if (unsent_before < limits_.long_reply_piece_bytes)
    reply.message->read(limits_.long_reply_piece_bytes - unsent_before, &out_);
  host_->call_had_turn(out_.size() - made_before);
  note_unsent();
  if (reply.message->finished()) {
    long_reply_.reset();
  } else if (unsent().size() < limits_.long_reply_piece_bytes) {
    reply.place->ask();
  }
  if (finished() || !unsent().empty()) host_->call_has_output(*this);
}

void Http2Call::detach() {
  host_ = nullptr;
  open_.reset();
  drop_kept();
  if (long_reply_ == nullptr) return;
  finished_ = false;  // what finish() promised never came to pass
  long_reply_.reset();
}

void Http2Call::cut(Code code) {
  long_reply_.reset();
  finished_ = true;
  code_ = code;
}

bool Http2Call::too_slow(Time now) {
  if (long_reply_ == nullptr) return false;
  LongReply& reply = *long_reply_;
  if (!reply.since) reply.since = reply.progress = now;
  if (unsent().empty() || reply.taken != reply.taken_before) reply.progress = now;
  reply.taken_before = reply.taken;
  if (now - reply.progress > limits_.long_reply_timeout) return true;
  const auto allowance = time_for(reply.taken, limits_.long_reply_bytes_per_second_min);
  return !unsent().empty() && now - *reply.since > limits_.long_reply_timeout + allowance;
}

void Http2Call::mark_sent(std::size_t size) {
  sent_ += size;
  if (open_ != nullptr) {
    note_unsent();
    if (room_asked_ && room_is_back()) host_->call_is_due(*this);
  }
  if (long_reply_ != nullptr) {
    long_reply_->taken += size;
    if (unsent().size() <= limits_.long_reply_piece_bytes / 2) long_reply_->place->ask();
  }
  if (sent_ < out_.size()) {
    // A stream that is never quite drained must not keep everything it ever sent.
    if (sent_ < std::max(out_.size() / 2, limits_.kept_sent_bytes)) return;
    out_.erase(0, sent_);
  } else {
    out_.clear();
  }
  sent_ = 0;
}

}  // namespace cairn::rpc
