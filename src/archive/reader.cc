#include "archive/reader.h"

#include <algorithm>
#include <utility>

namespace cairn::archive {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(io::Disk& disk, const std::string& path, const Limits& limits) {
  std::unique_ptr<io::File> file = TRY(disk.open(path, io::OpenMode::read));
  std::unique_ptr<Reader> reader(new Reader(path, std::move(file), limits));
  TRY(reader->read_head());
  return reader;
}

tl::unexpected<Error> Reader::damaged(const std::string& what) const {
  return fail(Code::data_loss, "E_ARCHIVE_DAMAGED: " + path_ + ", at byte " + std::to_string(at_) + ": " +
                                   what + "; what is before it, up to revision " + std::to_string(revision_) +
                                   ", can be restored");
}

Status Reader::read_head() {
  size_ = TRY(file_->size());
  const std::string_view front =
      TRY(bytes(0, static_cast<std::size_t>(std::min<std::uint64_t>(size_, kHeadBytesMax))));
  std::size_t size = 0;
  auto head = decode_head(front, &size);
  if (!head)
    return fail(Code::data_loss, "E_ARCHIVE_DAMAGED: " + path_ + ": " + head.error().message +
                                     "; nothing in it can be restored");
  head_ = *std::move(head);
  at_ = size;
  revision_ = head_.after;
  seen_ms_ = head_.created_ms;
  return {};
}

// Valid until the next call; `count` of them are in the file.
Result<std::string_view> Reader::bytes(std::uint64_t offset, std::size_t count) {
  if (offset < piece_at_ || offset + count > piece_at_ + piece_.size()) {
    const std::uint64_t left = size_ - offset;
    piece_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(std::max(count, kPieceBytes), left)));
    piece_at_ = offset;
    const std::size_t read = TRY(file_->read_at(offset, std::as_writable_bytes(std::span(piece_))));
    if (read != piece_.size()) return damaged("it has become shorter while it was read");
  }
  return std::string_view(piece_).substr(static_cast<std::size_t>(offset - piece_at_), count);
}

// Whether a frame behind what is wrong says that it had been right: that was durable before it was written.
// Else it is what a power cut leaves of what nobody had been promised.
Result<bool> Reader::was_durable() {
  for (std::uint64_t at = at_ + 1; at + kFrontBytes <= size_;) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size_ - at));
    const std::string_view piece = TRY(bytes(at, some));
    std::size_t i = 0;
    while (i + kFrontBytes <= piece.size() && !is_front(piece.substr(i, kFrontBytes))) ++i;
    at += i;
    if (i + kFrontBytes > piece.size()) continue;
    const Front front = TRY(decode_front(piece.substr(i, kFrontBytes)));
    if (front.size <= limits_.frame_bytes_max && front.size <= size_ - at - kFrontBytes) {
      const std::string_view body = TRY(bytes(at + kFrontBytes, front.size));
      const auto frame = is_whole(front, body) ? decode_body(body) : tl::unexpected(Error{});
      if (frame && frame->durable > at_) return true;
    }
    ++at;
  }
  return false;
}

// Of what is at hand, which is no frame.
Result<const Frame*> Reader::wrong(const std::string& what) {
  if (TRY(was_durable())) return damaged(what);
  torn_ = true;
  const Frame* const none = nullptr;
  return none;
}

Result<const Frame*> Reader::next() {
  const Frame* const none = nullptr;
  if (torn_ || at_ == size_) return none;
  const std::uint64_t left = size_ - at_;
  torn_ = left < kFrontBytes;
  if (torn_) return none;
  const auto front = decode_front(TRY(bytes(at_, kFrontBytes)));
  if (!front) return wrong(front.error().message);
  if (front->size > limits_.frame_bytes_max)
    return damaged("a frame of " + std::to_string(front->size) + " bytes");
  torn_ = left - kFrontBytes < front->size;
  if (torn_) return none;
  const std::string_view body = TRY(bytes(at_ + kFrontBytes, front->size));
  if (!is_whole(*front, body)) return wrong("a frame is not what was written");
  auto frame = decode_body(body);
  if (!frame) return damaged(frame.error().message);
  frame_ = *std::move(frame);
  TRY(take(frame_));
  at_ += kFrontBytes + front->size;
  const Frame* const good = &frame_;
  return good;
}

Status Reader::take(const Frame& frame) {
  if (frame.kind == Kind::lease) return {};
  if (frame.seen_ms < seen_ms_) return damaged("a frame of before the one in front of it");
  if (frame.revision != revision_ + (frame.kind == Kind::changes ? 1 : 0))
    return damaged("revision " + std::to_string(frame.revision) + " behind revision " +
                   std::to_string(revision_));
  revision_ = frame.revision;
  seen_ms_ = frame.seen_ms;
  return {};
}

}  // namespace cairn::archive
