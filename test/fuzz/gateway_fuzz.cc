// Whatever a body is, reading it as a message ends, and a message that came of it says the same again. The
// first byte chooses the method.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "api/grpc_methods.h"
#include "api/json_messages.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cairn;
  std::vector<const api::Method*> rows;
  for (const api::Method& row : api::methods())
    if (!row.gateway.empty()) rows.push_back(&row);
  if (size == 0) return 0;
  const api::MessageType type = rows[data[0] % rows.size()]->request();
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr std::size_t kObjectsMax = 5;
  const auto objects = api::objects_of(body, kObjectsMax);
  if (!objects) return 0;
  CHECK(objects->size() <= kObjectsMax);
  for (const std::string_view object : *objects) {
    const auto message = api::message_of(type, object);
    if (!message) continue;
    const auto again = api::message_of(type, api::json_of(type, *message));
    CHECK(again && *again == *message);
  }
  return 0;
}
