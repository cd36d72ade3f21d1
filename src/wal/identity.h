// IDENTITY: whose data directory this is, written once at the first start: cluster, member, format, and what
// the member was started with. Two copies in one file, docs/format/wal.md, "IDENTITY". Owner: server, before
// it opens anything else. Threading: blocking. Errors: not_found (a first start), E_IDENTITY (other cluster
// or member, or both copies damaged), E_FORMAT_NEWER.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "io/disk.h"
#include "wal/types.h"

namespace cairn::wal {

constexpr std::size_t kBootstrapBytesMax = std::size_t{64} << 10;

struct IdentityFile {
  Identity identity;
  std::uint64_t created_unix_ms = 0;
  std::string bootstrap;    // opaque here: the initial members
  bool is_damaged = false;  // one of its copies, as found; the other one tells all
};

// Durable when it returns; failed_precondition when the directory has an identity already.
Status create_identity(io::Disk& disk, const std::string& dir, const IdentityFile& content);
Result<IdentityFile> read_identity(io::Disk& disk, const std::string& dir);
// Writes both copies anew; the file that is there is kept in quarantine. At every moment one of the two files
// is the directory's.
Status renew_identity(io::Disk& disk, const std::string& dir, const IdentityFile& content);
// E_IDENTITY naming both when `found` is not `expected`.
Status check_identity(const std::string& dir, const Identity& found, const Identity& expected);

}  // namespace cairn::wal
