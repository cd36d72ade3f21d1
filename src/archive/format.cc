#include "archive/format.h"

#include <limits>
#include <utility>

#include "base/codec.h"
#include "base/crc32c.h"

namespace cairn::archive {
namespace {

constexpr std::string_view kMagic = "CAIRNCH\n";
constexpr std::uint8_t kVersion = 1;
constexpr std::int64_t kRevisionMax = std::numeric_limits<std::int64_t>::max() / 2;  // others follow it
constexpr std::size_t kChangeFrontBytes = 5, kChangesFrontBytes = 29;

tl::unexpected<Error> malformed(const char* what) { return fail(Code::data_loss, what); }

}  // namespace

std::string encode(const Head& head) {
  std::string out(kMagic);
  codec::put_fixed(&out, kVersion);
  codec::put_fixed(&out, head.lineage);
  codec::put_fixed(&out, head.cluster_id);
  codec::put_fixed(&out, head.after);
  codec::put_fixed(&out, head.created_ms);
  codec::put_fixed(&out, static_cast<std::uint8_t>(head.base.size()));
  out += head.base;
  codec::put_fixed(&out, crc32c(0, out));
  return out;
}

Result<Head> decode_head(std::string_view bytes, std::size_t* size) {
  codec::Reader in(bytes);
  if (in.bytes(kMagic.size()) != kMagic) return malformed("it does not begin as an archive of changes");
  if (const auto version = in.fixed<std::uint8_t>(); in.ok() && version != kVersion)
    return fail(Code::data_loss, "it has format version " + std::to_string(version) +
                                     ", this program reads version 1: use the program that wrote it, or a "
                                     "newer one");
  Head head;
  head.lineage = in.fixed<std::uint64_t>();
  head.cluster_id = in.fixed<std::uint64_t>();
  head.after = in.fixed<std::int64_t>();
  head.created_ms = in.fixed<std::int64_t>();
  head.base = in.bytes(in.fixed<std::uint8_t>());
  const std::size_t checked = bytes.size() - in.left();
  const auto check = in.fixed<std::uint32_t>();
  if (!in.ok()) return malformed("its head is cut off");
  if (check != crc32c(0, bytes.substr(0, checked))) return malformed("its head is not what was written");
  if (head.after < 1 || head.after > kRevisionMax || head.created_ms < 0 || head.base.empty())
    return malformed("its head contradicts itself");
  *size = bytes.size() - in.left();
  return head;
}

std::size_t changes_bytes(std::size_t count, std::size_t record_bytes) {
  return kFrontBytes + kChangesFrontBytes + count * kChangeFrontBytes + record_bytes;
}

void append(const Frame& frame, std::string* out) {
  const std::size_t begin = out->size();
  out->append(kFrontBytes, '\0');
  codec::put_fixed(out, static_cast<std::uint8_t>(frame.kind));
  codec::put_fixed(out, frame.durable);
  codec::put_fixed(out, frame.kind == Kind::lease ? frame.lease : frame.revision);
  codec::put_fixed(out, frame.kind == Kind::lease ? frame.ttl_s : frame.seen_ms);
  if (frame.kind == Kind::changes) {
    codec::put_fixed(out, static_cast<std::uint32_t>(frame.changes.size()));
    for (const Change& change : frame.changes) {
      codec::put_flag(out, change.deletion);
      codec::put_fixed(out, static_cast<std::uint32_t>(change.record.size()));
      out->append(change.record);
    }
  }
  const std::string_view body = std::string_view(*out).substr(begin + kFrontBytes);
  char front[kFrontBytes];
  codec::store(front, static_cast<std::uint32_t>(body.size()));
  codec::store(front + 4, crc32c(0, {front, 4}));
  codec::store(front + 8, crc32c(0, body));
  out->replace(begin, kFrontBytes, front, kFrontBytes);
}

bool is_front(std::string_view bytes) {
  return bytes.size() >= kFrontBytes && codec::load<std::uint32_t>(bytes.data()) > 0 &&
         codec::load<std::uint32_t>(bytes.data() + 4) == crc32c(0, bytes.substr(0, 4));
}

Result<Front> decode_front(std::string_view bytes) {
  if (!is_front(bytes)) return malformed("a frame does not begin as one");
  return Front{codec::load<std::uint32_t>(bytes.data()), codec::load<std::uint32_t>(bytes.data() + 8)};
}

bool is_whole(const Front& front, std::string_view body) {
  return body.size() == front.size && crc32c(0, body) == front.check;
}

Result<Frame> decode_body(std::string_view body) {
  codec::Reader in(body);
  Frame frame;
  const auto kind = in.fixed<std::uint8_t>();
  if (kind < 1 || kind > 3) return malformed("a frame of a kind that this program does not know");
  frame.kind = static_cast<Kind>(kind);
  frame.durable = in.fixed<std::uint64_t>();
  frame.revision = in.fixed<std::int64_t>();
  frame.seen_ms = in.fixed<std::int64_t>();
  if (frame.kind == Kind::lease) {
    frame.lease = std::exchange(frame.revision, 0);
    frame.ttl_s = std::exchange(frame.seen_ms, 0);
    if (!in.complete() || frame.lease == 0 || frame.ttl_s < 1) return malformed("a lease that is none");
    return frame;
  }
  if (frame.kind == Kind::changes) {
    const auto count = in.fixed_count<std::uint32_t>(kChangeFrontBytes);
    if (count == 0) return malformed("a revision without a change");
    frame.changes.resize(count);
    for (Change& change : frame.changes) {
      change.deletion = in.flag();
      change.record = in.bytes(in.fixed<std::uint32_t>());
    }
  }
  if (!in.complete() || frame.revision < 1 || frame.seen_ms < 0)
    return malformed("a frame that contradicts itself");
  return frame;
}

}  // namespace cairn::archive
