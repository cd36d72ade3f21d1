#include "rpc/http2_call.h"

#include <utility>

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
      out_bytes_max_(limits.stream_out_bytes_max),
      alive_(std::move(alive)) {
  ++*alive_;
  text_.reserve(kUsualHeaderTextBytes);
  headers_.reserve(kUsualHeaders);
}

Http2Call::~Http2Call() { --*alive_; }

bool Http2Call::add_header(std::string_view name, std::string_view value, std::size_t bytes_max) {
  header_bytes_ += name.size() + value.size() + kHeaderOverheadBytes;
  if (header_bytes_ > bytes_max) return false;
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
  if (out_.size() - sent_ + kPrefixBytes + head.size() + body.size() > out_bytes_max_) {
    host_->call_overflowed(*this);
    return;
  }
  append_message(&out_, head, body);
  sent_bytes_ += head.size() + body.size();
  host_->call_has_output(*this);
}

void Http2Call::finish(Code code, std::string_view message) {
  if (host_ == nullptr || finished_) return;
  finished_ = true;
  code_ = code;
  if (!message.empty()) message_ = encode_status_message(message);
  host_->call_has_output(*this);
}

void Http2Call::mark_sent(std::size_t size) {
  sent_ += size;
  if (sent_ < out_.size()) {
    // A stream that is never quite drained must not keep everything it ever sent.
    if (sent_ < out_.size() / 2) return;
    out_.erase(0, sent_);
  } else {
    out_.clear();
  }
  sent_ = 0;
}

}  // namespace cairn::rpc
