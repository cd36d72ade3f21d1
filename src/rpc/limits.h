// Limits: what bounds the connections of one server, and the time that a client may take. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace cairn::rpc {

// Of the rates that are minima, 0 says that there is none.
struct Limits {
  std::size_t connections_max = 10000;
  std::size_t connections_per_source_max = 5000;  // rpc/sources.h
  std::size_t streams_per_connection_max = 1000;
  std::size_t message_bytes_max =
      (std::size_t{3} << 19) + (std::size_t{512} << 10);  // 1.5 MiB + 512 KiB, as etcd
  std::size_t header_bytes_max = std::size_t{16} << 10;
  std::size_t arriving_request_bytes_max = std::size_t{256} << 20;  // of the whole server; beyond: refused
  std::size_t http_body_bytes_max = std::size_t{2} << 20;
  std::size_t stream_out_bytes_max = std::size_t{64} << 20;  // unsent of a call; beyond, it is cut off
  // Streams: answers whose producers wait for room (rpc/outflow.h). Over gRPC, and over HTTP/1.1.
  std::size_t open_streams_max = 100000;  // of the whole server; beyond: refused
  std::size_t stream_unsent_bytes_max = std::size_t{256} << 10;
  std::size_t connection_unsent_bytes_max = std::size_t{8} << 20;  // of its streams together
  std::size_t server_unsent_bytes_max = std::size_t{256} << 20;    // of all streams
  // Replies that are made while they are sent. Each keeps a state of the data alive, so a client that does
  // not read, or reads slower than long_reply_bytes_per_second_min on average, is cut off.
  std::size_t long_replies_max = 1024;
  std::size_t long_replies_per_connection_max = 256;
  std::size_t long_reply_piece_bytes = std::size_t{64} << 10;  // made in one turn, and waiting to be sent
  std::size_t long_reply_bytes_per_second_min = std::size_t{256} << 10;
  Duration long_reply_timeout = std::chrono::seconds(30);  // without a byte taken; and granted at the start
  Duration preface_timeout = std::chrono::seconds(5);
  Duration header_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::minutes(5);
  Duration write_timeout = std::chrono::seconds(30);  // a client that reads nothing for so long is cut off
  // A request may take header_timeout, and as much more as it takes to arrive at this rate.
  std::size_t request_bytes_per_second_min = 1024;
  Duration linger_timeout =
      std::chrono::seconds(2);                      // for the client to take the last answer of a connection
  Duration drain_notice = std::chrono::seconds(1);  // for calls under way to a server that is draining
  // Timeouts are looked at when a quarter of the shortest has passed, within these.
  Duration check_interval_min = std::chrono::milliseconds(10);
  Duration check_interval_max = std::chrono::seconds(1);
  // Buffers. The first is one for all connections of a server.
  std::size_t input_bytes = std::size_t{256} << 10;      // read at once
  std::size_t write_bytes_max = std::size_t{256} << 10;  // collected for one write
  std::size_t kept_out_bytes = std::size_t{64} << 10;    // more than this is given back when idle
  std::size_t kept_sent_bytes = std::size_t{128} << 10;  // of a stream, before the rest is moved to the front
  std::size_t http1_waiting_bytes_max = std::size_t{64}
                                        << 10;  // behind a request in progress; no more is read
  // HTTP/2: what a client may send before it is answered, and frames that cost more to take than to send.
  std::uint32_t stream_window_bytes = std::uint32_t{1} << 20;
  std::int32_t connection_window_bytes = std::int32_t{8} << 20;
  std::size_t outbound_acks_max = 100;  // not read by the client; beyond, the connection ends; likewise:
  std::size_t settings_entries_max = 32;
  std::size_t continuations_max = 8;
  // Rapid reset, CVE-2023-44487. All calls that may be open can be cancelled at once.
  std::int64_t reset_burst = 1000, resets_per_second = 33;
  std::int64_t control_frame_burst = 200, window_update_burst = 1000, control_frames_per_second = 10;
};

// How long so many bytes may take. Without a minimum: longer than any process lives.
inline std::chrono::seconds time_for(std::uint64_t size_bytes, std::uint64_t bytes_per_second_min) {
  if (bytes_per_second_min == 0) return std::chrono::hours(24 * 365 * 100);
  return std::chrono::seconds(static_cast<std::int64_t>(size_bytes / bytes_per_second_min));
}

}  // namespace cairn::rpc
