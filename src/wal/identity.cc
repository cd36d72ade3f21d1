#include "wal/identity.h"

#include <optional>
#include <vector>

#include "base/hex_id.h"
#include "wal/format.h"
#include "wal/quarantine.h"

namespace cairn::wal {
namespace {

// Magic, version and their own checksum keep their place in every format to come.
constexpr std::uint64_t kMagic = 0x544e454449474301;
constexpr std::size_t kMagicAt = 0, kVersionAt = 8, kVersionChecksumAt = 12, kClusterAt = 16, kMemberAt = 24,
                      kCreatedAt = 32, kBootstrapBytesAt = 40, kBootstrapAt = 48;
constexpr std::size_t kCopyBytes = kBlockBytes + kBootstrapBytesMax;  // the checksum is the last eight
constexpr std::size_t kChecksumAt = kCopyBytes - 8;

std::uint32_t version_checksum(const std::byte* copy) {
  return static_cast<std::uint32_t>(hash64(std::span(copy, kVersionChecksumAt)));
}

std::vector<std::byte> encode(const IdentityFile& content) {
  std::vector<std::byte> out(kCopyBytes);
  std::byte* at = out.data();
  put_u64(at + kMagicAt, kMagic);
  put_u32(at + kVersionAt, kFormatVersion);
  put_u32(at + kVersionChecksumAt, version_checksum(at));
  put_u64(at + kClusterAt, content.identity.cluster_id);
  put_u64(at + kMemberAt, content.identity.member_id);
  put_u64(at + kCreatedAt, content.created_unix_ms);
  put_u32(at + kBootstrapBytesAt, static_cast<std::uint32_t>(content.bootstrap.size()));
  const auto bootstrap = std::as_bytes(std::span(content.bootstrap));
  std::copy(bootstrap.begin(), bootstrap.end(), out.begin() + kBootstrapAt);
  put_u64(at + kChecksumAt, hash64(std::span(out).first(kChecksumAt)));
  return out;
}

Result<std::optional<IdentityFile>> decode(std::span<const std::byte> copy, const std::string& path) {
  const std::byte* at = copy.data();
  if (copy.size() < kBootstrapAt || get_u64(at + kMagicAt) != kMagic) return std::nullopt;
  if (get_u32(at + kVersionChecksumAt) != version_checksum(at)) return std::nullopt;
  const std::uint32_t version = get_u32(at + kVersionAt);
  if (version > kFormatVersion) {
    return fail(Code::failed_precondition, "E_FORMAT_NEWER: " + path + " has format " +
                                               std::to_string(version) + ", this program knows up to " +
                                               std::to_string(kFormatVersion) +
                                               "; start a newer version of cairn");
  }
  if (copy.size() != kCopyBytes) return std::nullopt;
  if (get_u64(at + kChecksumAt) != hash64(copy.first(kChecksumAt))) return std::nullopt;
  const std::uint32_t bootstrap_bytes = get_u32(at + kBootstrapBytesAt);
  if (bootstrap_bytes > kBootstrapBytesMax) return std::nullopt;
  IdentityFile out;
  out.identity = {get_u64(at + kClusterAt), get_u64(at + kMemberAt)};
  out.created_unix_ms = get_u64(at + kCreatedAt);
  out.bootstrap.assign(reinterpret_cast<const char*>(at + kBootstrapAt), bootstrap_bytes);
  return std::optional<IdentityFile>(std::move(out));
}

std::string describe(const Identity& identity) {
  return "member " + hex_id(identity.member_id) + " of cluster " + hex_id(identity.cluster_id);
}

// Nothing for a copy that is damaged or cannot be read.
Result<std::optional<IdentityFile>> read_copy(io::File& file, std::uint64_t offset, const std::string& path) {
  std::vector<std::byte> copy(kCopyBytes);
  const Result<std::size_t> size = file.read_at(offset, copy);
  if (!size && size.error().code != Code::internal) return tl::unexpected(size.error());
  copy.resize(size.value_or(0));
  return decode(copy, path);
}

Status write_both(io::Disk& disk, const std::string& dir, const IdentityFile& content) {
  const std::string path = dir + "/IDENTITY", temporary = path + ".tmp";
  if (TRY(disk.exists(temporary))) TRY(disk.remove(temporary));
  const auto file = TRY(disk.open(temporary, io::OpenMode::create));
  const std::vector<std::byte> copy = encode(content);
  TRY(file->write_at(0, copy));
  TRY(file->write_at(kCopyBytes, copy));
  TRY(file->sync());
  TRY(disk.rename(temporary, path));
  return disk.sync_dir(dir);
}

}  // namespace

Status create_identity(io::Disk& disk, const std::string& dir, const IdentityFile& content) {
  const std::string path = dir + "/IDENTITY";
  if (content.bootstrap.size() > kBootstrapBytesMax) {
    return fail(Code::invalid_argument, path + ": the initial members take " +
                                            std::to_string(content.bootstrap.size()) +
                                            " bytes, the most is " + std::to_string(kBootstrapBytesMax));
  }
  if (TRY(disk.exists(path))) return fail(Code::failed_precondition, path + " exists already");
  return write_both(disk, dir, content);
}

Status renew_identity(io::Disk& disk, const std::string& dir, const IdentityFile& content) {
  TRY(copy_aside(disk, dir, "IDENTITY"));
  return write_both(disk, dir, content);
}

Result<IdentityFile> read_identity(io::Disk& disk, const std::string& dir) {
  const std::string path = dir + "/IDENTITY";
  const auto file = TRY(disk.open(path, io::OpenMode::read));
  std::optional<IdentityFile> first = TRY(read_copy(*file, 0, path));
  std::optional<IdentityFile> second = TRY(read_copy(*file, kCopyBytes, path));
  if (!first && !second) {
    return fail(Code::data_loss, "E_IDENTITY: both copies in " + path + " are damaged");
  }
  IdentityFile& intact = first ? *first : *second;
  intact.is_damaged = !first || !second;
  return std::move(intact);
}

Status check_identity(const std::string& dir, const Identity& found, const Identity& expected) {
  if (found.cluster_id == expected.cluster_id && found.member_id == expected.member_id) return {};
  return fail(Code::failed_precondition,
              "E_IDENTITY: " + dir + " belongs to " + describe(found) + ", this process is " +
                  describe(expected) + "; use that member's own directory, or an empty one for a new member");
}

}  // namespace cairn::wal
