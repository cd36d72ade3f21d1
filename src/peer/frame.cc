#include "peer/frame.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/hex_id.h"
#include "peer/codec.h"

namespace cairn::peer {
namespace {

constexpr char kMagic[8] = {'c', 'a', 'i', 'r', 'n', 'p', 'e', 'r'};

// The header's first eight bytes seed the sum of the payload, so that a change in either shows.
std::uint64_t checksum(const char* header, std::string_view payload) {
  return XXH3_64bits_withSeed(payload.data(), payload.size(), codec::load<std::uint64_t>(header));
}

void put_introduction(std::string* out, const Introduction& introduction) {
  codec::put_fixed(out, introduction.by.term.v);
  codec::put_fixed(out, introduction.by.index.v);
  codec::put_fixed(out, introduction.port);
  codec::put_varint(out, introduction.host.size());
  out->append(introduction.host);
}

// What may stand in an address: it is looked up, and shown in a log.
bool is_host(std::string_view text, const Limits& limits) {
  return !text.empty() && text.size() <= limits.host_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char each) { return each > ' ' && each < 0x7f; });
}

Result<Introduction> take_introduction(codec::Reader* in, const Limits& limits) {
  Introduction introduction;
  introduction.by.term = raft::Term(in->fixed<std::uint64_t>());
  introduction.by.index = raft::Index(in->fixed<std::uint64_t>());
  introduction.port = in->fixed<std::uint16_t>();
  const std::string_view host = in->bytes(in->varint());
  if (!in->ok() || !is_host(host, limits) || introduction.port == 0)
    return fail(Code::invalid_argument, "the introduction in a hello has no address that could be one");
  introduction.host = host;
  return introduction;
}

}  // namespace

std::size_t begin_frame(std::string* out, FrameType type) {
  const std::size_t at = out->size();
  out->append(kFrameHeaderBytes, '\0');
  (*out)[at + 4] = static_cast<char>(type);
  return at;
}

void end_frame(std::string* out, std::size_t at) {
  const std::size_t payload_bytes = out->size() - at - kFrameHeaderBytes;
  CHECK(payload_bytes <= std::numeric_limits<std::uint32_t>::max());
  char* const header = out->data() + at;
  codec::store(header, static_cast<std::uint32_t>(payload_bytes));
  codec::store(header + 8, checksum(header, {header + kFrameHeaderBytes, payload_bytes}));
}

void put_frame(std::string* out, FrameType type, std::string_view payload) {
  const std::size_t at = begin_frame(out, type);
  out->append(payload);
  end_frame(out, at);
}

std::span<char> FrameReader::prepare() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > limits_.kept_buffer_bytes) {
      buffer_.reset();
      capacity_ = 0;
    }
  }
  const std::size_t held = end_ - begin_;
  if (capacity_ - end_ >= limits_.read_bytes_min) return {buffer_.get() + end_, capacity_ - end_};
  // Room for the rest of the frame, but never more than twice what has arrived: a length alone buys no
  // memory.
  const std::size_t missing = wanted_ > held ? wanted_ - held : 0;
  const std::size_t room = std::max(2 * limits_.read_bytes_min, std::min(missing, held * 2));
  if (capacity_ >= held + room) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  } else {
    capacity_ = held + room;
    auto grown = std::make_unique_for_overwrite<char[]>(capacity_);
    if (held > 0) std::memcpy(grown.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(grown);
  }
  begin_ = 0;
  end_ = held;
  return {buffer_.get() + end_, capacity_ - end_};
}

void FrameReader::commit(std::size_t arrived) {
  CHECK(arrived <= capacity_ - end_);
  end_ += arrived;
}

Result<std::optional<Frame>> FrameReader::next() {
  wanted_ = 0;
  if (end_ - begin_ < kFrameHeaderBytes) return std::nullopt;
  const char* const header = buffer_.get() + begin_;
  const auto payload_bytes = codec::load<std::uint32_t>(header);
  const auto type = static_cast<std::uint8_t>(header[4]);
  if (type < static_cast<std::uint8_t>(FrameType::hello) ||
      type > static_cast<std::uint8_t>(FrameType::snapshot_failed) || header[5] != 0 || header[6] != 0 ||
      header[7] != 0) {
    return fail(Code::invalid_argument, "these bytes are not the peer protocol (frame type " +
                                            std::to_string(type) + "): is a client using the peer port?");
  }
  if (payload_bytes > payload_bytes_max_) {
    return fail(Code::invalid_argument, "frame of " + std::to_string(payload_bytes) +
                                            " bytes exceeds the limit of " +
                                            std::to_string(payload_bytes_max_));
  }
  wanted_ = kFrameHeaderBytes + payload_bytes;
  if (end_ - begin_ < wanted_) return std::nullopt;
  const Frame frame{static_cast<FrameType>(type), {header + kFrameHeaderBytes, payload_bytes}};
  if (const auto expected = codec::load<std::uint64_t>(header + 8);
      checksum(header, frame.payload) != expected) {
    return fail(Code::invalid_argument,
                "frame of type " + std::to_string(type) + " and " + std::to_string(payload_bytes) +
                    " bytes has a wrong checksum: " + hex_id(checksum(header, frame.payload)) +
                    " != " + hex_id(expected));
  }
  begin_ += wanted_;
  wanted_ = 0;
  return frame;
}

void put_hello(std::string* out, const Hello& hello) {
  const std::size_t at = begin_frame(out, FrameType::hello);
  out->append(kMagic, sizeof kMagic);
  codec::put_fixed(out, hello.version);
  codec::put_fixed(out, static_cast<std::uint8_t>(hello.kind));
  codec::put_fixed(out, hello.cluster_id);
  codec::put_fixed(out, hello.from.v);
  codec::put_fixed(out, hello.to.v);
  codec::put_fixed(out, hello.founded);
  codec::put_flag(out, hello.introduction.has_value());
  if (hello.introduction) put_introduction(out, *hello.introduction);
  end_frame(out, at);
}

Result<Hello> decode_hello(std::string_view payload, const Limits& limits) {
  codec::Reader in(payload);
  if (in.bytes(sizeof kMagic) != std::string_view(kMagic, sizeof kMagic)) {
    return fail(Code::invalid_argument, "the hello does not begin with the peer protocol's magic bytes");
  }
  Hello hello;
  hello.version = in.fixed<std::uint16_t>();
  const auto kind = in.fixed<std::uint8_t>();
  hello.cluster_id = in.fixed<std::uint64_t>();
  hello.from = raft::NodeId(in.fixed<std::uint64_t>());
  hello.to = raft::NodeId(in.fixed<std::uint64_t>());
  // Another version may say less or more behind these fields; its version number is what is refused then.
  if (in.ok() && hello.version == kProtocolVersion) {
    hello.founded = in.fixed<std::uint64_t>();
    if (in.flag()) hello.introduction = TRY(take_introduction(&in, limits));
  }
  if (!in.ok() || (hello.version == kProtocolVersion && in.left() != 0)) {
    return fail(Code::invalid_argument,
                "hello of " + std::to_string(payload.size()) + " bytes has a wrong size");
  }
  if (kind != static_cast<std::uint8_t>(ConnectionKind::messages) &&
      kind != static_cast<std::uint8_t>(ConnectionKind::snapshot)) {
    return fail(Code::invalid_argument,
                "hello asks for an unknown kind of connection: " + std::to_string(kind));
  }
  hello.kind = static_cast<ConnectionKind>(kind);
  return hello;
}

void put_hello_answer(std::string* out, const std::string* refusal, const Limits& limits) {
  const std::size_t at = begin_frame(out, FrameType::hello_answer);
  out->push_back(refusal == nullptr ? '\1' : '\0');
  if (refusal != nullptr) out->append(*refusal, 0, limits.reason_bytes_max);
  end_frame(out, at);
}

Status decode_hello_answer(std::string_view payload, const Limits& limits) {
  codec::Reader in(payload);
  if (in.flag() && in.complete()) return {};
  return fail(Code::failed_precondition, in.ok() ? std::string(in.rest().substr(0, limits.reason_bytes_max))
                                                 : "malformed answer to the hello");
}

void put_snapshot_begin(std::string* out, const SnapshotBegin& begin) {
  const std::size_t at = begin_frame(out, FrameType::snapshot_begin);
  codec::put_varint(out, begin.chunks);
  codec::put_varint(out, begin.manifest.size());
  out->append(begin.manifest);
  encode_message(begin.offer, out);
  end_frame(out, at);
}

Result<SnapshotBegin> decode_snapshot_begin(std::string_view payload, const Limits& limits) {
  codec::Reader in(payload);
  SnapshotBegin begin;
  begin.chunks = in.varint();
  begin.manifest = in.bytes(in.varint());
  if (!in.ok()) return fail(Code::invalid_argument, "snapshot stream: the first frame ends early");
  begin.offer = TRY(decode_message(in.rest(), limits));
  if (!std::holds_alternative<raft::SnapshotOffer>(begin.offer.body)) {
    return fail(Code::invalid_argument,
                "snapshot stream: the message in the first frame is no snapshot offer");
  }
  return begin;
}

}  // namespace cairn::peer
