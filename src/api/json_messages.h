// Protobuf's messages as JSON, in the words of etcd's gateway: fields by their names in the .proto file,
// what is zero left out, 64-bit numbers as strings, bytes as base64. Pure.
#pragma once

#include <google/protobuf/descriptor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/long_message.h"
#include "base/result.h"

namespace cairn::api {

using MessageType = const google::protobuf::Descriptor*;

// The serialized message that this JSON object says; "" is the empty one. InvalidArgument, and why, where it
// says anything else: also a field or the name of a value that `type` does not have.
Result<std::string> message_of(MessageType type, std::string_view json);
// REQUIRES: `message` is one of `type`.
std::string json_of(MessageType type, std::string_view message);

// One JSON object after the other, as a client sends them on a stream.
Result<std::vector<std::string_view>> objects_of(std::string_view body, std::size_t objects_max);

// A message that is too large to be in memory as a whole, as JSON: its fields in the order of its bytes.
class LongJson {
 public:
  // `head`: the message's first bytes.
  LongJson(MessageType type, std::string_view head, std::unique_ptr<LongMessage> body);
  // A bounded piece of the work, and the text that came of it: possibly none.
  std::string step(std::size_t bytes_max);
  bool finished() const { return finished_; }

 private:
  void take_fields(std::string* out);
  void add(std::string_view field, std::uint64_t tag, std::string_view content, std::string* out);
  void end_list(std::string* out);

  const MessageType type_;
  const std::unique_ptr<LongMessage> body_;
  std::string unread_;  // the beginning of a field
  bool measured_ = false, begun_ = false, finished_ = false;
  const google::protobuf::FieldDescriptor* list_ = nullptr;  // the repeated field that is open
};

}  // namespace cairn::api
