// The bytes of an HTTP/2 connection, after the preface, into the session that turns them into gRPC calls.
#include "rpc/http2_session.h"
#include "session_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cairn::fuzz::feed<cairn::rpc::Http2Session>("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", data, size);
  return 0;
}
