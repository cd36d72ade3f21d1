// The head of an HTTP/1 request: what RFC 9112 says of it beyond its syntax, which Beast reads and leaves to
// its caller. A head that two readers could understand differently, about where its body ends (request
// smuggling) or for whom it is, is refused, and its connection closed. Pure; fuzzed with the session.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rpc/handler.h"

namespace cairn::rpc {

struct Http1Head {
  std::string_view method, target;
  unsigned version = 11;   // 10 or 11: HTTP/1.0 or HTTP/1.1
  const Headers& headers;  // names in lower case
  bool folded = false;     // a header goes on in a line that begins with white space (obs-fold)
};

struct HeadRefusal {
  int status;
  std::string why;
};
std::optional<HeadRefusal> check_head(const Http1Head& head);

// The target as a path: of "http://host/path" (RFC 9112 3.2.2) only what follows the host. REQUIRES: the head
// was not refused.
std::string origin_form(std::string_view target);

// In the whole of what is read of a head, piece by piece: does a line begin with white space?
class FoldFinder {
 public:
  bool feed(std::string_view bytes);  // found by now

 private:
  char last_ = '\0';
  bool found_ = false;
};

}  // namespace cairn::rpc
