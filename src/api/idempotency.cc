#include "api/idempotency.h"

#include <charconv>

namespace cairn::api {

std::optional<std::int64_t> idempotency_revision(std::string_view key, std::string_view text) {
  if (text.empty()) return 0;
  std::int64_t revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc() || end != text.data() + text.size() || revision < 1 || key.empty())
    return std::nullopt;
  return revision;
}

}  // namespace cairn::api
