#include "tls/openssl.h"

namespace cairn::tls {

std::string take_errors() {
  const unsigned long first = ERR_get_error();
  if (first == 0) return "";
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(first);
  if (reason != nullptr) return reason;
  char text[256];
  ERR_error_string_n(first, text, sizeof text);
  return text;
}

}  // namespace cairn::tls
