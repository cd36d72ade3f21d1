#include "api/json_messages.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include "base/check.h"
#include "base/codec.h"

namespace cairn::api {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

std::unique_ptr<Message> make(MessageType type) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(type)->New());
}

Error unclear(std::string message) { return {Code::invalid_argument, std::move(message)}; }

// Where the first object of `text` ends; 0: it does not.
std::size_t object_end(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return 0;
}

}  // namespace

Result<std::string> message_of(MessageType type, std::string_view json) {
  const auto message = make(type);
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return message->SerializeAsString();
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(json.data(), json.size()), message.get());
  if (!status.ok()) {
    const std::string why(status.message());  // and in further lines where
    return tl::unexpected(unclear("cairn: the body is no JSON object of " + type->full_name() + ": " +
                                  why.substr(0, why.find('\n'))));
  }
  return message->SerializeAsString();
}

std::string json_of(MessageType type, std::string_view bytes) {
  const auto message = make(type);
  CHECK(message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  CHECK(google::protobuf::util::MessageToJsonString(*message, &json, options).ok());
  return json;
}

Result<std::vector<std::string_view>> objects_of(std::string_view body, std::size_t objects_max) {
  std::vector<std::string_view> objects;
  while (true) {
    const std::size_t begin = body.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return objects;
    body.remove_prefix(begin);
    const std::size_t end = body.front() == '{' ? object_end(body) : 0;
    if (end == 0) return tl::unexpected(unclear("cairn: the body is not one JSON object after the other"));
    if (objects.size() == objects_max)
      return tl::unexpected(
          unclear("cairn: more than " + std::to_string(objects_max) + " objects in one body"));
    objects.push_back(body.substr(0, end));
    body.remove_prefix(end);
  }
}

LongJson::LongJson(MessageType type, std::string_view head, std::unique_ptr<LongMessage> body)
    : type_(type), body_(std::move(body)), unread_(head) {}

std::string LongJson::step(std::size_t bytes_max) {
  std::string out;
  if (!measured_) {
    measured_ = body_->measure();
    return out;
  }
  if (!body_->finished()) body_->read(bytes_max, &unread_);
  take_fields(&out);
  if (!body_->finished()) return out;
  CHECK(unread_.empty());
  end_list(&out);
  out += begun_ ? "}" : "{}";
  finished_ = true;
  return out;
}

void LongJson::take_fields(std::string* out) {
  std::string_view left = unread_;
  while (!left.empty()) {
    codec::Reader reader(left);
    const std::uint64_t tag = reader.varint(), number = reader.varint();
    constexpr std::uint64_t kVarint = 0, kCounted = 2;
    CHECK(!reader.ok() || (tag & 7) == kVarint || (tag & 7) == kCounted);
    const std::string_view content = (tag & 7) == kCounted ? reader.bytes(number) : std::string_view();
    if (!reader.ok()) break;  // the rest of it is not there yet
    const std::size_t size = left.size() - reader.left();
    add(left.substr(0, size), tag, content, out);
    left.remove_prefix(size);
  }
  unread_.erase(0, unread_.size() - left.size());
}

void LongJson::add(std::string_view field, std::uint64_t tag, std::string_view content, std::string* out) {
  const FieldDescriptor* const of = type_->FindFieldByNumber(static_cast<int>(tag >> 3));
  CHECK(of != nullptr);
  if (of != list_) end_list(out);
  if (of->is_repeated()) {
    CHECK(of->message_type() != nullptr);
    *out += list_ == of ? "," : (begun_ ? ",\"" : "{\"") + of->name() + "\":[";
    *out += json_of(of->message_type(), content);
    list_ = of;
  } else {
    const std::string alone = json_of(type_, field);
    if (alone == "{}") return;
    *out += begun_ ? "," : "{";
    out->append(alone, 1, alone.size() - 2);
  }
  begun_ = true;
}

void LongJson::end_list(std::string* out) {
  if (list_ != nullptr) *out += "]";
  list_ = nullptr;
}

}  // namespace cairn::api
