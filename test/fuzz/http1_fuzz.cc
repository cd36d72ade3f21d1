// The bytes of an HTTP/1.1 connection into its session.
#include "rpc/http1_session.h"
#include "session_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cairn::fuzz::feed<cairn::rpc::Http1Session>("", data, size);
  return 0;
}
