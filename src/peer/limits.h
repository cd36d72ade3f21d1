// Limits: every bound of the peer protocol, on what arrives and on what is kept for it. A field each, so that
// tests and operators can make the world small; docs/format/peer.md says what each is for.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::peer {

struct Limits {
  // ---- frames ----
  std::size_t frame_bytes_max = std::size_t{64} << 20;        // of a payload, once the hello was accepted
  std::size_t hello_frame_bytes_max = std::size_t{64} << 10;  // before the other side is known
  std::size_t host_bytes_max = 253;                           // of an address in a hello
  std::size_t reason_bytes_max = 1024;                        // of a refusal or a failure, as text
  std::size_t read_bytes_min = std::size_t{64} << 10;         // room to read into, at least; at least 1
  std::size_t write_bytes_max = std::size_t{256} << 10;       // written in one turn of the loop
  std::size_t kept_buffer_bytes = std::size_t{4} << 20;  // a larger buffer is given back once it is empty

  // ---- messages ----
  std::size_t entries_max = std::size_t{1} << 20;              // of one append request
  std::size_t members_max = 1024;                              // of a configuration or a ballot
  std::size_t about_bytes_max = std::size_t{64} << 10;         // said of one member in a configuration
  std::size_t met_max = 1024;                                  // starts that a member says it has met
  std::uint64_t snapshot_chunks_max = std::uint64_t{1} << 24;  // of one snapshot
  // Indexes, rounds and read ids count events that take time each; none gets this far. Sums of two
  // of them do not wrap.
  std::uint64_t count_max = std::uint64_t{1} << 62;
  std::uint64_t starts_max = std::uint64_t{1} << 39;  // of one incarnation; half of what its count can say
  // What a message's term may be: see term_ceiling() in peer/plausible.h.
  std::uint64_t term_jump_max = std::uint64_t{1} << 32;        // above the own term at this start
  std::uint64_t term_jump_first_max = std::uint64_t{1} << 42;  // of a member that has none yet
  std::uint64_t terms_per_second_max = 1000;                   // later; no cluster elects that often
};

}  // namespace cairn::peer
