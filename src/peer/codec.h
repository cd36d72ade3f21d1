// Codec: a raft::Message as bytes and back (docs/format/peer.md). Encoding appends to a buffer; decoding
// copies each entry's bytes exactly once, into the Bytes that the log then shares. Errors: invalid_argument
// for bytes that are no message. No length or count is believed before it is compared with the bytes that are
// really there, so a lying sender cannot make us allocate more than a small multiple of its frame.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "peer/limits.h"
#include "raft/types.h"

namespace cairn::peer {

void encode_message(const raft::Message& message, std::string* out);
Result<raft::Message> decode_message(std::string_view bytes, const Limits& limits = {});

}  // namespace cairn::peer
