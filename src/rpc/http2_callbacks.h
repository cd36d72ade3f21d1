// The C callbacks that nghttp2 wants, forwarding to Http2Session. Internal to rpc/.
#pragma once

#include <nghttp2/nghttp2.h>

namespace cairn::rpc {

const nghttp2_session_callbacks* http2_server_callbacks();
nghttp2_data_source_read_callback http2_read_callback();

}  // namespace cairn::rpc
