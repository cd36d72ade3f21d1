#include "wal/snapshot_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "wal/snapshot_format.h"

namespace cairn::wal {
namespace {

constexpr const char* kWriting = ".tmp";     // or being removed; gone after the next open
constexpr const char* kReceiving = ".part";  // resumed
constexpr const char* kChunksFile = "/chunks";
constexpr const char* kManifestFile = "/MANIFEST";

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

Status remove_tree(io::Disk& disk, const std::string& dir) {
  const Result<std::vector<std::string>> names = disk.list(dir);
  if (!names && names.error().code != io::kMisplaced) return tl::unexpected(names.error());
  if (names) {
    for (const std::string& name : *names) TRY(disk.remove(dir + "/" + name));
  }
  return disk.remove(dir);
}

Status make_fresh_dir(io::Disk& disk, const std::string& dir) {
  if (TRY(disk.exists(dir))) TRY(remove_tree(disk, dir));
  return disk.make_dir(dir);
}

// Of a file that is there already the bytes are the same.
Status write_file(io::Disk& disk, const std::string& path, std::string_view bytes) {
  const io::OpenMode mode = TRY(disk.exists(path)) ? io::OpenMode::write : io::OpenMode::create;
  const auto file = TRY(disk.open(path, mode));
  TRY(file->write_at(0, as_bytes(bytes)));
  return file->sync();
}

Result<std::string> read_range(io::File& file, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  out.resize(TRY(file.read_at(offset, std::as_writable_bytes(std::span(out)))));
  return out;
}

// A sector that cannot be read is lost as one is that reads back wrong.
template <class T>
Result<T> or_damaged(Result<T> read, const std::string& where) {
  if (read || read.error().code != Code::internal) return read;
  return tl::unexpected(snapshot_damaged(where, "it cannot be read: " + read.error().message));
}

// Of a folder that ought to have it.
Result<std::unique_ptr<io::File>> open_part(io::Disk& disk, const std::string& path) {
  auto file = disk.open(path, io::OpenMode::read);
  if (!file && file.error().code == Code::not_found)
    return tl::unexpected(snapshot_damaged(path, "the file is missing"));
  if (!file && file.error().code == io::kMisplaced)
    return tl::unexpected(snapshot_damaged(path, "it cannot be read: " + file.error().message));
  return file;
}

Result<std::string> read_manifest(io::Disk& disk, const std::string& dir, const SnapshotLimits& limits) {
  const std::string path = dir + kManifestFile;
  const auto file = TRY(open_part(disk, path));
  const std::uint64_t size = TRY(file->size());
  return or_damaged(read_range(*file, 0, std::min<std::uint64_t>(size, limits.manifest_bytes_max + 1)), path);
}

std::string chunk_name(const std::string& dir, std::uint64_t number) {
  return dir + kChunksFile + " chunk " + std::to_string(number);
}

// Reads chunks as they are stored, each into the same room.
class StoredChunks {
 public:
  StoredChunks(std::string dir, std::unique_ptr<io::File> file)
      : dir_(std::move(dir)),
        file_(std::move(file)),
        room_(std::make_unique_for_overwrite<char[]>(kStoredChunkBytesMax)) {}
  // Good until the next call; shorter than announced where the file is.
  Result<std::string_view> read(const ChunkInfo& chunk, std::uint64_t number) {
    const std::span<char> into(room_.get(), chunk.stored_bytes);
    return std::string_view(room_.get(),
                            TRY(or_damaged(file_->read_at(chunk.offset, std::as_writable_bytes(into)),
                                           chunk_name(dir_, number))));
  }

 private:
  const std::string dir_;
  const std::unique_ptr<io::File> file_;
  const std::unique_ptr<char[]> room_;
};

// The number of intact chunks before the first that is not. Written to `again`, if that is given.
Result<std::uint64_t> intact_chunks(io::Disk& disk, const std::string& dir, const Manifest& manifest,
                                    io::File* again = nullptr) {
  StoredChunks stored(dir, TRY(open_part(disk, dir + kChunksFile)));
  for (std::uint64_t i = 0; i < manifest.chunks.size(); ++i) {
    const ChunkInfo& chunk = manifest.chunks[i];
    const Result<std::string_view> bytes = stored.read(chunk, i);
    if (!bytes && bytes.error().code != Code::data_loss) return tl::unexpected(bytes.error());
    if (!bytes || !check_chunk(chunk, *bytes, dir)) return i;
    if (again != nullptr) TRY(again->write_at(chunk.offset, as_bytes(*bytes)));
  }
  return manifest.chunks.size();
}

Result<std::uint64_t> size_of(io::Disk& disk, const std::string& path) {
  return TRY(open_part(disk, path))->size();
}

std::uint64_t chunks_within(const Manifest& manifest, std::uint64_t bytes) {
  const auto fits = [bytes](const ChunkInfo& chunk) { return chunk.offset + chunk.stored_bytes <= bytes; };
  return static_cast<std::uint64_t>(
      std::partition_point(manifest.chunks.begin(), manifest.chunks.end(), fits) - manifest.chunks.begin());
}

bool older(const raft::SnapshotMeta& a, const raft::SnapshotMeta& b) {
  return std::pair(a.index, a.term) < std::pair(b.index, b.term);
}

// What is known of the published snapshots. Shared by the store and by writers that outlive a call.
class Folder {
 public:
  Folder(io::Disk& disk, std::string data_dir, const SnapshotLimits& limits)
      : disk_(disk), data_dir_(std::move(data_dir)), limits_(limits) {}

  io::Disk& disk() { return disk_; }
  const SnapshotLimits& limits() const { return limits_; }
  std::string path(const raft::SnapshotMeta& meta) const { return dir_ + "/" + snapshot_name(meta); }
  const std::vector<SnapshotInfo>& published() const { return published_; }
  const std::vector<DamagedSnapshot>& damaged() const { return damaged_; }
  bool is_published(const raft::SnapshotMeta& meta) const {
    const std::string name = snapshot_name(meta);
    const auto same = [&](const SnapshotInfo& info) { return snapshot_name(info.meta) == name; };
    return std::any_of(published_.begin(), published_.end(), same);
  }

  Status load() {
    TRY(disk_.make_dir(dir_));
    TRY(disk_.sync_dir(data_dir_));
    // A name seen now may be one that the last process did not live to make durable.
    TRY(disk_.sync_dir(dir_));
    for (const std::string& name : TRY(disk_.list(dir_))) {
      if (name.ends_with(kWriting)) {
        TRY(remove_tree(disk_, dir_ + "/" + name));
      } else if (const auto meta = parse_snapshot_name(name)) {
        TRY(load_one(*meta));
      }
    }
    return drop_received_before_newest();
  }

  // `from` holds complete files; they become visible under the snapshot's name once they were read back.
  Status publish(const std::string& from, const Manifest& manifest) {
    const std::uint64_t intact = TRY(intact_chunks(disk_, from, manifest));
    if (intact != manifest.chunks.size()) {
      return fail(Code::data_loss, "E_SNAPSHOT_DAMAGED: " + chunk_name(from, intact) +
                                       " reads back differently from what was written; replace this disk");
    }
    TRY(disk_.sync_dir(from));
    const std::string to = path(manifest.meta);
    if (TRY(disk_.exists(to))) {
      // The same snapshot twice: never give up an intact published one.
      if (TRY(is_intact(to))) {
        TRY(disk_.sync_dir(dir_));  // perhaps it was this that failed after the rename
        return remove_tree(disk_, from);
      }
      TRY(put_aside(manifest.meta));
    }
    TRY(disk_.rename(from, to));
    TRY(disk_.sync_dir(dir_));
    forget(manifest.meta);
    add(manifest.info());
    if (awaited_ && awaited_->index <= manifest.meta.index) awaited_.reset();
    TRY(prune(limits_.kept));
    return drop_received_before_newest();
  }

  // Says what a snapshot that is received still takes; an error: it has no room.
  Status await(const Manifest& manifest, std::uint64_t next) {
    std::uint64_t missing = 0;
    for (std::uint64_t i = next; i < manifest.chunks.size(); ++i) missing += manifest.chunks[i].stored_bytes;
    awaited_ = Awaited{manifest.meta.index, missing};
    const Result<std::uint64_t> room = disk_.room_bytes(dir_);
    if (!room || *room >= missing + limits_.room_beside_bytes) return {};
    REACHED("wal.snapshot.no_room_to_receive");
    return no_room(manifest.meta,
                   std::to_string(missing) + " bytes more, and " + std::to_string(*room) + " are free");
  }
  void arrived(std::uint64_t bytes) {
    if (awaited_) awaited_->missing_bytes -= std::min(awaited_->missing_bytes, bytes);
  }

  // An own snapshot, of so many bytes at most. What is on its way replaces it soon: if there is room for that
  // one but not for both, it has to wait.
  Status leaves_room(const raft::SnapshotMeta& meta, std::uint64_t expected_bytes) {
    if (!awaited_ || awaited_->index <= meta.index) return {};
    const std::uint64_t missing = awaited_->missing_bytes;
    const Result<std::uint64_t> room = disk_.room_bytes(dir_);
    if (!room || *room < missing || *room - missing >= expected_bytes) return {};
    REACHED("wal.snapshot.left_to_a_later_one");
    return fail(io::kFull,
                "the room is left to snapshot " + std::to_string(awaited_->index.v) +
                    ", which another member sends and which replaces it: " + std::to_string(*room) +
                    " bytes are free, and that one takes " + std::to_string(missing));
  }

  // Gives back what a start can do without: of the published ones all but the newest.
  Status no_room(const raft::SnapshotMeta& meta, const std::string& needs) {
    std::string why =
        "E_NO_ROOM: on the disk of " + dir_ + " snapshot " + std::to_string(meta.index.v) + " needs " + needs;
    if (published_.size() > 1) {
      REACHED("wal.snapshot.older_given_back");
      TRY(prune(1));
      return fail(io::kFull, why + "; the one kept beside the newest is removed for it");
    }
    return fail(io::kFull, why + "; make room there, or move the data directory to a larger disk");
  }

  Result<std::string> put_aside(const raft::SnapshotMeta& meta) {
    const std::string from = path(meta);
    const Result<bool> there = disk_.exists(from);
    if (there && !*there) return fail(Code::not_found, "there is no snapshot " + from);
    if (!there && there.error().code != io::kMisplaced) return tl::unexpected(there.error());
    const std::string folder = data_dir_ + "/quarantine";
    TRY(disk_.make_dir(folder));
    TRY(disk_.sync_dir(data_dir_));
    const std::string first = folder + "/snap-" + snapshot_name(meta);
    std::string to = first;
    for (int copy = 2; TRY(disk_.exists(to)); ++copy) to = first + "." + std::to_string(copy);
    TRY(disk_.rename(from, to));
    forget(meta);
    TRY(disk_.sync_dir(folder));  // first: a crash in between must not leave it nowhere
    TRY(disk_.sync_dir(dir_));
    return to;
  }

  Status drop_receiving_except(const std::string& kept) {
    for (const std::string& name : TRY(disk_.list(dir_))) {
      const std::string path = dir_ + "/" + name;
      if (name.ends_with(kReceiving) && path != kept) TRY(remove_tree(disk_, path));
    }
    return {};
  }

 private:
  Status load_one(const raft::SnapshotMeta& named) {
    const std::string dir = path(named);
    const auto manifest = [&]() -> Result<Manifest> {
      return parse_manifest(TRY(read_manifest(disk_, dir, limits_)), dir + kManifestFile, limits_);
    }();
    if (!manifest && manifest.error().code != Code::data_loss) return tl::unexpected(manifest.error());
    if (manifest && path(manifest->meta) == dir) {
      add(manifest->info());
    } else {
      damaged_.insert(damaged_.begin(), {named, manifest ? snapshot_damaged(dir + kManifestFile,
                                                                            "it is that of another snapshot")
                                                         : manifest.error()});
    }
    return {};
  }

  Result<bool> is_intact(const std::string& dir) {
    const Result<std::string> bytes = read_manifest(disk_, dir, limits_);
    if (!bytes) return false;
    const Result<Manifest> manifest = parse_manifest(*bytes, dir, limits_);
    if (!manifest) return false;
    const Result<std::uint64_t> intact = intact_chunks(disk_, dir, *manifest);
    return intact && *intact == manifest->chunks.size();
  }

  Status drop_received_before_newest() {
    if (published_.empty()) return {};
    for (const std::string& name : TRY(disk_.list(dir_))) {
      if (!name.ends_with(kReceiving)) continue;
      const auto meta = parse_snapshot_name(std::string_view(name).substr(0, name.size() - 5));
      const bool useless = !meta || meta->index <= published_.back().meta.index;
      if (useless) TRY(remove_tree(disk_, dir_ + "/" + name));
    }
    return {};
  }

  void add(SnapshotInfo info) {
    const auto before = [](const SnapshotInfo& a, const SnapshotInfo& b) { return older(a.meta, b.meta); };
    published_.insert(std::upper_bound(published_.begin(), published_.end(), info, before), std::move(info));
  }

  void forget(const raft::SnapshotMeta& meta) {
    const std::string name = snapshot_name(meta);
    const auto same = [&](const auto& known) { return snapshot_name(known.meta) == name; };
    published_.erase(std::remove_if(published_.begin(), published_.end(), same), published_.end());
    damaged_.erase(std::remove_if(damaged_.begin(), damaged_.end(), same), damaged_.end());
  }

  Status prune(std::size_t kept) {
    while (published_.size() > kept) {
      // The name goes first: what is left of a half removed one is not taken for a damaged snapshot.
      const std::string old = path(published_.front().meta), removed = old + kWriting;
      if (TRY(disk_.exists(removed))) TRY(remove_tree(disk_, removed));
      TRY(disk_.rename(old, removed));
      TRY(disk_.sync_dir(dir_));
      TRY(remove_tree(disk_, removed));
      published_.erase(published_.begin());
    }
    return disk_.sync_dir(dir_);
  }

  io::Disk& disk_;
  const std::string data_dir_;
  const std::string dir_ = data_dir_ + "/snap";
  const SnapshotLimits limits_;
  struct Awaited {
    raft::Index index;
    std::uint64_t missing_bytes = 0;
  };
  std::optional<Awaited> awaited_;        // what another member has begun, or tried, to send
  std::vector<SnapshotInfo> published_;   // oldest first
  std::vector<DamagedSnapshot> damaged_;  // newest first
};

class FolderWriter final : public SnapshotWriter {
 public:
  FolderWriter(Folder& folder, const raft::SnapshotMeta& meta, std::string dir,
               std::unique_ptr<io::File> file)
      : folder_(folder), dir_(std::move(dir)), file_(std::move(file)) {
    manifest_.meta = meta;
  }
  ~FolderWriter() override {
    file_ = nullptr;
    // What cannot be removed now is removed when the store is opened next.
    if (!published_) (void)remove_tree(folder_.disk(), dir_).has_value();
  }

  Status write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::size_t size = std::min(bytes.size(), kChunkBytes - pending_.size());
      const std::string_view part = bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (size == kChunkBytes) {  // whoever writes whole chunks spares a copy
        TRY(write_chunk(part));
        continue;
      }
      pending_.append(part);
      if (pending_.size() == kChunkBytes) TRY(write_pending());
    }
    return {};
  }

  Status publish() override {
    if (!pending_.empty()) TRY(write_pending());
    TRY(file_->sync());
    TRY(write_file(folder_.disk(), dir_ + kManifestFile, encode_manifest(manifest_)));
    TRY(folder_.publish(dir_, manifest_));
    published_ = true;
    return {};
  }

 private:
  Status write_pending() {
    TRY(write_chunk(pending_));
    pending_.clear();
    return {};
  }
  Status write_chunk(std::string_view content) {
    const std::string_view stored = TRY(packer_.pack(content));
    ChunkInfo chunk;
    chunk.offset = offset_;
    chunk.stored_bytes = static_cast<std::uint32_t>(stored.size());
    chunk.bytes = static_cast<std::uint32_t>(content.size());
    chunk.hash = hash128(as_bytes(stored));
    const Status written = file_->write_at(offset_, as_bytes(stored));
    if (!written && written.error().code == io::kFull) {
      REACHED("wal.snapshot.no_room_to_save");
      return folder_.no_room(manifest_.meta,
                             "more than " + std::to_string(offset_) + " bytes: " + written.error().message);
    }
    TRY(written);
    const std::uint64_t step = folder_.limits().unsynced_bytes_max;
    if (offset_ / step != (offset_ + stored.size()) / step) TRY(file_->sync());
    offset_ += stored.size();
    manifest_.chunks.push_back(chunk);
    return {};
  }

  Folder& folder_;
  const std::string dir_;
  std::unique_ptr<io::File> file_;
  Manifest manifest_;
  ChunkPacker packer_;
  std::string pending_;  // less than a chunk
  std::uint64_t offset_ = 0;
  bool published_ = false;
};

class FolderReceiver final : public SnapshotReceiver {
 public:
  FolderReceiver(Folder& folder, std::string dir, Manifest manifest, std::unique_ptr<io::File> file,
                 std::uint64_t next)
      : folder_(folder),
        dir_(std::move(dir)),
        manifest_(std::move(manifest)),
        file_(std::move(file)),
        next_(next) {}

  std::uint64_t next_chunk() const override { return next_; }

  Status write_chunk(std::uint64_t number, std::string_view stored) override {
    if (number != next_ || number >= manifest_.chunks.size()) {
      return fail(Code::out_of_range, "chunk " + std::to_string(number) + " of a snapshot arrived where " +
                                          std::to_string(next_) + " of " +
                                          std::to_string(manifest_.chunks.size()) + " comes next");
    }
    const ChunkInfo& chunk = manifest_.chunks[number];
    TRY(check_chunk(chunk, stored, "received " + chunk_name(dir_, number)));
    const Status written = file_->write_at(chunk.offset, as_bytes(stored));
    // It was there when this began: others write to the disk, too.
    if (!written && written.error().code == io::kFull)
      return folder_.no_room(manifest_.meta,
                             "its " + chunk_name("", number) + ": " + written.error().message);
    TRY(written);
    folder_.arrived(stored.size());
    const std::uint64_t end = chunk.offset + chunk.stored_bytes;
    const std::uint64_t step = folder_.limits().unsynced_bytes_max;
    if (chunk.offset / step != end / step) TRY(file_->sync());
    ++next_;
    return {};
  }

  Status publish() override {
    if (next_ != manifest_.chunks.size()) {
      return fail(Code::failed_precondition, "only " + std::to_string(next_) + " of " +
                                                 std::to_string(manifest_.chunks.size()) +
                                                 " chunks of the snapshot have arrived");
    }
    TRY(file_->sync());
    return folder_.publish(dir_, manifest_);
  }

 private:
  Folder& folder_;
  const std::string dir_;
  const Manifest manifest_;
  const std::unique_ptr<io::File> file_;
  std::uint64_t next_;
};

class ChunkSource final : public ByteSource {
 public:
  ChunkSource(std::string dir, Manifest manifest, std::unique_ptr<io::File> file)
      : dir_(std::move(dir)),
        manifest_(std::move(manifest)),
        stored_(dir_, std::move(file)),
        content_(std::make_unique_for_overwrite<char[]>(kChunkBytes)) {}

  Result<std::size_t> read(std::span<char> into) override {
    if (rest_.empty()) {
      if (next_ == manifest_.chunks.size()) return 0;
      const ChunkInfo& chunk = manifest_.chunks[next_];
      const bool fits = into.size() >= chunk.bytes;
      const std::span<char> content(fits ? into.data() : content_.get(), chunk.bytes);
      const std::string_view stored = TRY(stored_.read(chunk, next_));
      TRY(unpack_chunk(chunk, stored, chunk_name(dir_, next_), content));
      ++next_;
      if (fits) return content.size();
      rest_ = content;
    }
    const std::size_t size = std::min(into.size(), rest_.size());
    std::copy_n(rest_.data(), size, into.data());
    rest_ = rest_.subspan(size);
    return size;
  }

 private:
  const std::string dir_;
  const Manifest manifest_;
  StoredChunks stored_;
  const std::unique_ptr<char[]> content_;  // of a chunk that was larger than what was asked for
  std::span<const char> rest_;
  std::uint64_t next_ = 0;
};

class FolderStore final : public SnapshotStore {
 public:
  FolderStore(io::Disk& disk, const std::string& data_dir, const SnapshotLimits& limits)
      : disk_(disk), folder_(disk, data_dir, limits) {}
  Status load() { return folder_.load(); }

  std::vector<SnapshotInfo> candidates() const override {
    return {folder_.published().rbegin(), folder_.published().rend()};
  }
  std::vector<DamagedSnapshot> damaged() const override { return folder_.damaged(); }
  std::optional<SnapshotInfo> newest() const override {
    if (folder_.published().empty()) return std::nullopt;
    return folder_.published().back();
  }
  Result<std::string> put_aside(const raft::SnapshotMeta& meta) override {
    sending_dir_.clear();
    return folder_.put_aside(meta);
  }

  Result<std::unique_ptr<SnapshotWriter>> create(const raft::SnapshotMeta& meta,
                                                 std::uint64_t expected_bytes) override {
    TRY(folder_.leaves_room(meta, expected_bytes));
    std::string dir = folder_.path(meta) + kWriting;
    TRY(make_fresh_dir(disk_, dir));
    auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::create));
    return std::make_unique<FolderWriter>(folder_, meta, std::move(dir), std::move(file));
  }

  Result<std::unique_ptr<ByteSource>> read(const raft::SnapshotMeta& meta) override {
    const std::string dir = folder_.path(meta);
    Manifest parsed = TRY(parsed_manifest(meta));
    auto file = TRY(open_part(disk_, dir + kChunksFile));
    return std::make_unique<ChunkSource>(dir, std::move(parsed), std::move(file));
  }

  Result<std::string> manifest(const raft::SnapshotMeta& meta) override {
    const std::string dir = folder_.path(meta);
    if (!folder_.is_published(meta)) return fail(Code::not_found, "there is no snapshot " + dir);
    std::string bytes = TRY(read_manifest(disk_, dir, folder_.limits()));
    TRY(parse_manifest(bytes, dir + kManifestFile, folder_.limits()));
    return bytes;
  }

  Result<std::string> chunk(const raft::SnapshotMeta& meta, std::uint64_t number) override {
    const std::string dir = folder_.path(meta);
    if (sending_dir_ != dir || !folder_.is_published(meta)) {
      sending_ = TRY(parsed_manifest(meta));
      sending_dir_ = dir;
    }
    if (number >= sending_.chunks.size()) {
      return fail(Code::out_of_range, dir + " has no chunk " + std::to_string(number));
    }
    const ChunkInfo& info = sending_.chunks[number];
    const std::string where = chunk_name(dir, number);
    const auto file = TRY(open_part(disk_, dir + kChunksFile));
    std::string stored = TRY(or_damaged(read_range(*file, info.offset, info.stored_bytes), where));
    TRY(check_chunk(info, stored, where));
    return stored;
  }

  Result<std::unique_ptr<SnapshotReceiver>> receive(std::string_view bytes) override {
    Manifest parsed = TRY(parse_manifest(bytes, "received manifest", folder_.limits()));
    const std::string dir = folder_.path(parsed.meta) + kReceiving;
    TRY(folder_.drop_receiving_except(dir));
    const Result<std::string> before = read_manifest(disk_, dir, folder_.limits());
    const bool resumes = before && *before == bytes && TRY(disk_.exists(dir + kChunksFile));
    // Before anything is written: what is there is written once more, and that may be a lot.
    const std::uint64_t there = resumes ? TRY(size_of(disk_, dir + kChunksFile)) : 0;
    TRY(folder_.await(parsed, chunks_within(parsed, there)));
    if (!resumes) {
      TRY(make_fresh_dir(disk_, dir));
      TRY(disk_.open(dir + kChunksFile, io::OpenMode::create));
    }
    // What an earlier attempt left may be in the page cache only: after a sync that failed its pages are
    // marked clean (ATC'20). All of it is written once more, before the sync that publishing asks for.
    TRY(write_file(disk_, dir + kManifestFile, bytes));
    TRY(disk_.sync_dir(dir));
    auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::write));
    const std::uint64_t next = resumes ? TRY(intact_chunks(disk_, dir, parsed, file.get())) : 0;
    TRY(folder_.await(parsed, next));
    return std::make_unique<FolderReceiver>(folder_, dir, std::move(parsed), std::move(file), next);
  }

 private:
  Result<Manifest> parsed_manifest(const raft::SnapshotMeta& meta) {
    const std::string bytes = TRY(manifest(meta));
    return parse_manifest(bytes, folder_.path(meta) + kManifestFile, folder_.limits());
  }

  io::Disk& disk_;
  Folder folder_;
  std::string sending_dir_;  // the snapshot whose table `sending_` is
  Manifest sending_;
};

}  // namespace

Result<std::unique_ptr<SnapshotStore>> SnapshotStore::open(io::Disk& disk, const std::string& dir,
                                                           const SnapshotLimits& limits) {
  CHECK(limits.kept > 0 && limits.unsynced_bytes_max > 0);
  auto store = std::make_unique<FolderStore>(disk, dir, limits);
  TRY(store->load());
  return store;
}

}  // namespace cairn::wal
