// Percent-encoding (RFC 3986) and base64url (RFC 4648): how binary keys travel in paths and queries. Pure;
// fuzzed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cairn {

// Null when a '%' is not followed by two hexadecimal digits. `plus_is_space`: queries are form-encoded.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but unreserved characters and '/'.
std::string percent_encode(std::string_view bytes);

// With or without padding; null for anything that no encoder produces.
std::optional<std::string> base64url_decode(std::string_view text);
std::string base64url_encode(std::string_view bytes);  // without padding

// The standard alphabet with padding, as in JSON.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);

}  // namespace cairn
