// RequestCheck: whether one HTTP/2 request is well-formed (RFC 9113 8.1-8.3). nghttp2's own check is switched
// off, since it refuses the :authority that clients of etcd 3.4 send (a whole URL instead of host:port); what
// matters of the rest is checked here. Owner: Http2Call. Threading: none of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::rpc {

class RequestCheck {
 public:
  // In the order of the wire; what is malformed stays malformed.
  void header(std::string_view name, std::string_view value);
  void end_of_headers();
  void body(std::size_t size_bytes);
  void trailer(std::string_view name, std::string_view value);
  void end_of_trailers(bool end_of_stream);
  void end_of_stream();
  void refuse() { malformed_ = true; }

  bool malformed() const { return malformed_; }
  // As much has come as content-length promised; always true without one.
  bool body_complete() const { return !content_length_ || *content_length_ == body_bytes_; }

 private:
  bool pseudo_header_ok(std::string_view name, std::string_view value);
  bool regular_header_ok(std::string_view name, std::string_view value);

  bool malformed_ = false;
  bool regular_seen_ = false;
  bool is_connect_ = false;
  std::uint8_t pseudo_seen_ = 0;  // one bit for each of the four
  std::optional<std::uint64_t> content_length_;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace cairn::rpc
