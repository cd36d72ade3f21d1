// Everything that decodes a stranger's bytes on the peer port: the frame reader, the hello, the payloads. The
// first byte chooses what the rest is: a stream of frames, or the payload of one kind (so that the fuzzer
// need not guess checksums).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "node/command_codec.h"
#include "peer/codec.h"
#include "peer/first_call.h"
#include "peer/frame.h"

namespace {

using namespace cairn;

void message(std::string_view bytes) {
  const auto decoded = peer::decode_message(bytes);
  if (!decoded) return;
  // What was understood is said the same way twice.
  std::string once, twice;
  peer::encode_message(*decoded, &once);
  const auto again = peer::decode_message(once);
  CHECK(again.has_value());
  peer::encode_message(*again, &twice);
  CHECK(once == twice);
}

// Of a member, or of one that calls who is to join.
void hello(std::string_view bytes) {
  const auto decoded = peer::decode_hello(bytes);
  if (!decoded) return;
  peer::FirstCall::Config joins;
  joins.from = {{"host", 2380}};
  (void)peer::called_by(*decoded, joins);
  if (decoded->version != peer::kProtocolVersion) return;
  std::string again;
  peer::put_hello(&again, *decoded);
  const auto twice = peer::decode_hello(std::string_view(again).substr(peer::kFrameHeaderBytes));
  CHECK(twice.has_value() && twice->founded == decoded->founded &&
        twice->introduction == decoded->introduction);
}

// Writes, refusals, questions and answers.
void note(std::string_view bytes) {
  const Bytes first = make_bytes(std::string(bytes));  // a note points into its bytes
  const node::Note said = node::parse_note(first);
  if (const auto* question = std::get_if<node::Question>(&said)) {
    const Bytes second = node::question_note(*question);
    const node::Note again = node::parse_note(second);
    const auto* asked = std::get_if<node::Question>(&again);
    CHECK(asked != nullptr && asked->id == question->id && asked->body == question->body);
  } else if (const auto* answer = std::get_if<node::Answer>(&said)) {
    const Bytes second = node::answer_note(*answer);
    const node::Note again = node::parse_note(second);
    const auto* answered = std::get_if<node::Answer>(&again);
    CHECK(answered != nullptr && answered->id == answer->id && answered->body == answer->body);
  }
}

void payload(peer::FrameType type, std::string_view bytes) {
  if (type == peer::FrameType::hello) {
    hello(bytes);
  } else if (type == peer::FrameType::note) {
    note(bytes);
  } else if (type == peer::FrameType::hello_answer) {
    (void)peer::decode_hello_answer(bytes, {});
  } else if (type == peer::FrameType::snapshot_begin) {
    (void)peer::decode_snapshot_begin(bytes, {});
  } else {
    message(bytes);
  }
}

void stream(std::string_view bytes, std::size_t piece) {
  peer::FrameReader reader;
  reader.set_limit(std::size_t{1} << 20);
  while (!bytes.empty()) {
    const auto room = reader.prepare();
    CHECK(!room.empty() && room.size() < std::size_t{4} << 20);
    const std::size_t size = std::min({piece, room.size(), bytes.size()});
    bytes.copy(room.data(), size);
    bytes.remove_prefix(size);
    reader.commit(size);
    for (;;) {
      const auto frame = reader.next();
      if (!frame) return;
      if (!*frame) break;
      payload((*frame)->type, (*frame)->payload);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0) {
    stream(rest, rest.empty() ? 1 : static_cast<unsigned char>(rest[0]) + 1U);
  } else {
    payload(static_cast<peer::FrameType>(data[0] % 10 + 1), rest);
  }
  return 0;
}
