#include "wal/snapshot_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "wal/snapshot_format.h"

namespace cairn::wal {
namespace {

constexpr std::size_t kKept = 2;
constexpr std::uint64_t kSyncBytes = std::uint64_t{1}
                                     << 20;  // bounds the dirty pages that the log's sync may meet
constexpr const char* kWriting = ".tmp";     // removed at the next open
constexpr const char* kReceiving = ".part";  // resumed
constexpr const char* kChunksFile = "/chunks";
constexpr const char* kManifestFile = "/MANIFEST";

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

Status remove_tree(io::Disk& disk, const std::string& dir) {
  for (const std::string& name : TRY(disk.list(dir))) TRY(disk.remove(dir + "/" + name));
  return disk.remove(dir);
}

Status make_fresh_dir(io::Disk& disk, const std::string& dir) {
  if (TRY(disk.exists(dir))) TRY(remove_tree(disk, dir));
  return disk.make_dir(dir);
}

Status write_file(io::Disk& disk, const std::string& path, std::string_view bytes) {
  const auto file = TRY(disk.open(path, io::OpenMode::create));
  TRY(file->write_at(0, as_bytes(bytes)));
  return file->sync();
}

Result<std::string> read_range(io::File& file, std::uint64_t offset, std::uint64_t size) {
  std::string out(size, '\0');
  out.resize(TRY(file.read_at(offset, std::as_writable_bytes(std::span(out)))));
  return out;
}

Result<std::string> read_manifest(io::Disk& disk, const std::string& dir) {
  const auto file = TRY(disk.open(dir + kManifestFile, io::OpenMode::read));
  const std::uint64_t size = TRY(file->size());
  return read_range(*file, 0, std::min<std::uint64_t>(size, kManifestBytesMax + 1));
}

// Reads chunks as they are stored, each into the same room.
class StoredChunks {
 public:
  explicit StoredChunks(std::unique_ptr<io::File> file)
      : file_(std::move(file)), room_(std::make_unique_for_overwrite<char[]>(kStoredChunkBytesMax)) {}
  // Good until the next call; shorter than announced where the file is.
  Result<std::string_view> read(const ChunkInfo& chunk) {
    const std::span<char> into(room_.get(), chunk.stored_bytes);
    return std::string_view(room_.get(), TRY(file_->read_at(chunk.offset, std::as_writable_bytes(into))));
  }

 private:
  const std::unique_ptr<io::File> file_;
  const std::unique_ptr<char[]> room_;
};

std::string chunk_name(const std::string& dir, std::uint64_t number) {
  return dir + kChunksFile + " chunk " + std::to_string(number);
}

// The number of intact chunks before the first that is not.
Result<std::uint64_t> intact_chunks(io::Disk& disk, const std::string& dir, const Manifest& manifest) {
  StoredChunks stored(TRY(disk.open(dir + kChunksFile, io::OpenMode::read)));
  for (std::uint64_t i = 0; i < manifest.chunks.size(); ++i) {
    const ChunkInfo& chunk = manifest.chunks[i];
    if (!check_chunk(chunk, TRY(stored.read(chunk)), dir)) return i;
  }
  return manifest.chunks.size();
}

// What is known of the published snapshots. Shared by the store and by writers that outlive a call.
class Folder {
 public:
  Folder(io::Disk& disk, std::string dir) : disk_(disk), dir_(std::move(dir)) {}

  io::Disk& disk() { return disk_; }
  std::string path(const raft::SnapshotMeta& meta) const { return dir_ + "/" + snapshot_name(meta); }

  Status load() {
    // A name seen now may be one that the last process did not live to make durable.
    TRY(disk_.sync_dir(dir_));
    for (const std::string& name : TRY(disk_.list(dir_))) {
      if (name.ends_with(kWriting)) {
        TRY(remove_tree(disk_, dir_ + "/" + name));
      } else if (parse_snapshot_name(name)) {
        TRY(load_one(dir_ + "/" + name));
      }
    }
    return drop_received_before_newest();
  }

  std::optional<SnapshotInfo> newest() const {
    if (published_.empty()) return std::nullopt;
    return published_.back();
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
      if (TRY(is_intact(to))) return remove_tree(disk_, from);
      TRY(remove_tree(disk_, to));
    }
    TRY(disk_.rename(from, to));
    TRY(disk_.sync_dir(dir_));
    const auto same = [&](const SnapshotInfo& info) { return path(info.meta) == to; };
    published_.erase(std::remove_if(published_.begin(), published_.end(), same), published_.end());
    add(manifest.info());
    return prune();
  }

  Status drop_receiving_except(const std::string& kept) {
    for (const std::string& name : TRY(disk_.list(dir_))) {
      const std::string path = dir_ + "/" + name;
      if (name.ends_with(kReceiving) && path != kept) TRY(remove_tree(disk_, path));
    }
    return {};
  }

 private:
  Status load_one(const std::string& dir) {
    const Result<std::string> bytes = read_manifest(disk_, dir);
    if (!bytes)
      return bytes.error().code == Code::not_found ? Status() : Status(tl::unexpected(bytes.error()));
    const Result<Manifest> manifest = parse_manifest(*bytes, dir + kManifestFile);
    if (!manifest && manifest.error().code != Code::data_loss) return tl::unexpected(manifest.error());
    // A damaged one stays where it is, as evidence; inspect names it.
    if (manifest && path(manifest->meta) == dir) add(manifest->info());
    return {};
  }

  Result<bool> is_intact(const std::string& dir) {
    const Result<std::string> bytes = read_manifest(disk_, dir);
    if (!bytes) return false;
    const Result<Manifest> manifest = parse_manifest(*bytes, dir);
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
    const auto before = [](const SnapshotInfo& a, const SnapshotInfo& b) {
      return std::pair(a.meta.index, a.meta.term) < std::pair(b.meta.index, b.meta.term);
    };
    published_.insert(std::upper_bound(published_.begin(), published_.end(), info, before), std::move(info));
  }

  Status prune() {
    while (published_.size() > kKept) {
      // The manifest goes first: what is left of a half removed one is not taken for a snapshot.
      const std::string old = path(published_.front().meta);
      TRY(disk_.remove(old + kManifestFile));
      TRY(remove_tree(disk_, old));
      published_.erase(published_.begin());
    }
    return disk_.sync_dir(dir_);
  }

  io::Disk& disk_;
  const std::string dir_;
  std::vector<SnapshotInfo> published_;  // oldest first
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
    TRY(file_->write_at(offset_, as_bytes(stored)));
    if (offset_ / kSyncBytes != (offset_ + stored.size()) / kSyncBytes) TRY(file_->sync());
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
    TRY(file_->write_at(chunk.offset, as_bytes(stored)));
    const std::uint64_t end = chunk.offset + chunk.stored_bytes;
    if (chunk.offset / kSyncBytes != end / kSyncBytes) TRY(file_->sync());
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
        stored_(std::move(file)),
        content_(std::make_unique_for_overwrite<char[]>(kChunkBytes)) {}

  Result<std::size_t> read(std::span<char> into) override {
    if (rest_.empty()) {
      if (next_ == manifest_.chunks.size()) return 0;
      const ChunkInfo& chunk = manifest_.chunks[next_];
      const bool fits = into.size() >= chunk.bytes;
      const std::span<char> content(fits ? into.data() : content_.get(), chunk.bytes);
      const std::string_view stored = TRY(stored_.read(chunk));
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
  FolderStore(io::Disk& disk, std::string dir) : disk_(disk), folder_(disk, std::move(dir)) {}
  Status load() { return folder_.load(); }

  std::optional<SnapshotInfo> newest() const override { return folder_.newest(); }

  Result<std::unique_ptr<SnapshotWriter>> create(const raft::SnapshotMeta& meta) override {
    std::string dir = folder_.path(meta) + kWriting;
    TRY(make_fresh_dir(disk_, dir));
    auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::create));
    return std::make_unique<FolderWriter>(folder_, meta, std::move(dir), std::move(file));
  }

  Result<std::unique_ptr<ByteSource>> read(const raft::SnapshotMeta& meta) override {
    const std::string dir = folder_.path(meta);
    const std::string bytes = TRY(manifest(meta));
    Manifest parsed = TRY(parse_manifest(bytes, dir + kManifestFile));
    auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::read));
    return std::make_unique<ChunkSource>(dir, std::move(parsed), std::move(file));
  }

  Result<std::string> manifest(const raft::SnapshotMeta& meta) override {
    return read_manifest(disk_, folder_.path(meta));
  }

  Result<std::string> chunk(const raft::SnapshotMeta& meta, std::uint64_t number) override {
    const std::string dir = folder_.path(meta);
    if (sending_dir_ != dir) {
      const std::string bytes = TRY(manifest(meta));
      sending_ = TRY(parse_manifest(bytes, dir + kManifestFile));
      sending_dir_ = dir;
    }
    if (number >= sending_.chunks.size()) {
      return fail(Code::out_of_range, dir + " has no chunk " + std::to_string(number));
    }
    const ChunkInfo& info = sending_.chunks[number];
    const auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::read));
    std::string stored = TRY(read_range(*file, info.offset, info.stored_bytes));
    TRY(check_chunk(info, stored, chunk_name(dir, number)));
    return stored;
  }

  Result<std::unique_ptr<SnapshotReceiver>> receive(std::string_view bytes) override {
    Manifest parsed = TRY(parse_manifest(bytes, "received manifest"));
    const std::string dir = folder_.path(parsed.meta) + kReceiving;
    TRY(folder_.drop_receiving_except(dir));
    const Result<std::string> before = read_manifest(disk_, dir);
    const bool resumes = before && *before == bytes && TRY(disk_.exists(dir + kChunksFile));
    if (!resumes) {
      TRY(make_fresh_dir(disk_, dir));
      TRY(disk_.open(dir + kChunksFile, io::OpenMode::create));
      TRY(write_file(disk_, dir + kManifestFile, bytes));
      TRY(disk_.sync_dir(dir));
    }
    const std::uint64_t next = resumes ? TRY(intact_chunks(disk_, dir, parsed)) : 0;
    auto file = TRY(disk_.open(dir + kChunksFile, io::OpenMode::write));
    return std::make_unique<FolderReceiver>(folder_, dir, std::move(parsed), std::move(file), next);
  }

 private:
  io::Disk& disk_;
  Folder folder_;
  std::string sending_dir_;  // the snapshot whose table `sending_` is
  Manifest sending_;
};

}  // namespace

Result<std::unique_ptr<SnapshotStore>> SnapshotStore::open(io::Disk& disk, const std::string& dir) {
  const std::string folder = dir + "/snap";
  TRY(disk.make_dir(folder));
  TRY(disk.sync_dir(dir));
  auto store = std::make_unique<FolderStore>(disk, folder);
  TRY(store->load());
  return store;
}

}  // namespace cairn::wal
