// Disk and File: the durable outside world as a seam. Implemented twice: POSIX (io/posix_disk.h) and the
// simulated disk of test/sim_disk, which loses, tears and refuses as real ones do. Threading: an object is
// used by one thread at a time. Errors: any failed write, sync, rename or sync_dir on a durable file means
// the file's state is unknown; the caller must stop the process and never retry (after a failed fsync Linux
// drops the dirty pages and reports them clean). Not so where nothing had begun: a shortage (below) of what
// was to be opened, created, filled ahead or renamed leaves everything as it was, and may be tried again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::io {

struct File {
  virtual ~File() = default;
  // Writes all of data at offset; the file grows as needed. Not durable before sync().
  virtual Status write_at(std::uint64_t offset, std::span<const std::byte> data) = 0;
  // Reads up to into.size() bytes; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual Status truncate(std::uint64_t size_bytes) = 0;
  // fdatasync: content and size are durable afterwards; the file's name only after Disk::sync_dir.
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
};

// Held while the object lives; a second holder, in this or another process, is refused. A lock holds the
// folder itself, and its path may lead elsewhere one day: somebody deletes it, moves it, or mounts another
// one over it.
struct DirectoryLock {
  virtual ~DirectoryLock() = default;
  // From now on check() asks for this name in the folder, too. Not while another thread is in check().
  virtual Status watch(const std::string& name) = 0;
  // Whether all paths still lead to what they led to; data_loss names one that surely does not. Threading:
  // any.
  virtual Status check() const = 0;
};

// What a shortage is, by code and never by text. A full disk: until somebody makes room. A passing one: the
// machine or the process is out of descriptors or memory for a moment (EMFILE, ENFILE, ENOMEM, EAGAIN); no
// sync ever returns it. Neither is a broken disk.
constexpr Code kFull = Code::resource_exhausted;
constexpr Code kPassing = Code::aborted;
// Another kind of thing lies there than belongs there: a folder for a file, a file for a folder, a link that
// leads nowhere. Never taken for a file that is not there: somebody's hands did it, and have to undo it.
constexpr Code kMisplaced = Code::unimplemented;
inline bool is_shortage(const Error& error) { return error.code == kFull || error.code == kPassing; }

// A folder kept open, so that its names can be made durable even when nothing more can be opened.
struct Directory {
  virtual ~Directory() = default;
  virtual Status sync() = 0;
};

enum class OpenMode { read, write, create };  // write: must exist; create: must not exist

struct Disk {
  virtual ~Disk() = default;
  // Error codes: not_found, permission_denied, kMisplaced, kFull, kPassing, failed_precondition (exists
  // already).
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Status make_dir(const std::string& path) = 0;  // ok when it exists; parents must exist
  // Names of files and folders in dir, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& dir) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual Status remove(const std::string& path) = 0;                         // a file or an empty folder
  // A created, renamed or removed name is durable only after this.
  virtual Status sync_dir(const std::string& dir) = 0;
  virtual Result<std::unique_ptr<Directory>> open_dir(const std::string& dir) = 0;
  // What can still be written into that folder, roughly: others use the disk, too.
  virtual Result<std::uint64_t> room_bytes(const std::string& dir) = 0;
  // Locks a folder, by `path`, a file in it that is created when it is missing, and by itself.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) = 0;
};

}  // namespace cairn::io
