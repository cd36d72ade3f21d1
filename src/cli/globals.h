// Globals: the flags that every command has which asks servers, and what they come to with the environment.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"

namespace cairn::cli {

inline constexpr char kEndpointDefault[] = "http://127.0.0.1:2379";

// Flags, then environment, then default: resolved here, since the parser's own order puts files above both.
struct Globals {
  std::optional<std::string> endpoints;
  std::optional<std::string> cacert, cert, key;
  std::optional<std::string> user, password_file;
  std::string format = "human";
  double timeout_seconds = 5;
};

// What is asked of whom, how https endpoints are spoken to, and who asks: each an error to report, or "".
std::string complete(const Globals& globals, Context* context);
std::string complete_tls(const Globals& globals, Context* context);
std::string complete_user(const Globals& globals, Context* context);

}  // namespace cairn::cli
