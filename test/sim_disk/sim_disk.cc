#include "sim_disk/sim_disk.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "sim_disk/misplaced.h"

namespace cairn::sim {
namespace {

constexpr std::uint64_t kSector = 512;

struct Node {
  bool is_dir = false;

  struct Change {  // a write at offset, or a change of size when `resize`
    bool resize = false;
    std::uint64_t offset = 0;
    std::string bytes;
    bool misdirected = false;
  };
  std::string cached;
  std::string durable;
  std::vector<Change> unsynced;

  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct NameChange {  // null: the name is removed
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> names;
  };
  Names names;
  Names durable_names;
  std::vector<NameChange> unsynced_names;
};

using NodePtr = std::shared_ptr<Node>;

void write_into(std::string* content, std::uint64_t offset, std::string_view bytes) {
  if (content->size() < offset) content->resize(offset, '\0');
  const std::size_t inside = std::min<std::size_t>(bytes.size(), content->size() - offset);
  std::copy_n(bytes.data(), inside, content->data() + offset);
  content->append(bytes.substr(inside));
}

void redo(std::string* content, const Node::Change& change) {
  if (change.resize) {
    content->resize(change.offset, '\0');
  } else {
    write_into(content, change.offset, change.bytes);
  }
}

void redo(Node::Names* names, const Node::NameChange& change) {
  for (const auto& [name, node] : change.names) {
    if (node == nullptr) {
      names->erase(name);
    } else {
      (*names)[name] = node;
    }
  }
}

void change_names(Node* dir, Node::NameChange change) {
  redo(&dir->names, change);
  dir->unsynced_names.push_back(std::move(change));
}

void tear(std::string* content, const Node::Change& change, Prng& prng) {
  for (std::uint64_t at = 0; at < change.bytes.size();) {
    const std::uint64_t end = (change.offset + at) / kSector * kSector + kSector;
    const std::uint64_t size = std::min<std::uint64_t>(change.bytes.size() - at, end - (change.offset + at));
    if (prng.chance(1, 2)) {
      write_into(content, change.offset + at, std::string_view(change.bytes).substr(at, size));
    }
    at += size;
  }
}

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::uint64_t bytes_in(const Node& node) {
  std::uint64_t sum = node.cached.size();
  for (const auto& [name, child] : node.names) sum += bytes_in(*child);
  return sum;
}

// What is durable, as a disk that has been switched off has it.
NodePtr deep_copy(const Node& node) {
  auto made = std::make_shared<Node>();
  made->is_dir = node.is_dir;
  made->cached = made->durable = node.durable;
  for (const auto& [name, child] : node.durable_names) made->durable_names[name] = deep_copy(*child);
  made->names = made->durable_names;
  return made;
}

void settle(Node* node, Prng& prng, const CrashOptions& options) {
  if (node->is_dir) {
    std::uint64_t kept = node->unsynced_names.size();
    if (options.names == CrashOptions::Names::lose_all) kept = 0;
    if (options.names == CrashOptions::Names::prefix) kept = prng.between(0, kept);
    for (std::uint64_t i = 0; i < kept; ++i) redo(&node->durable_names, node->unsynced_names[i]);
    node->names = node->durable_names;
    node->unsynced_names.clear();
    for (const auto& [name, child] : node->names) settle(child.get(), prng, options);
    return;
  }
  for (const Node::Change& change : node->unsynced) {
    const std::uint64_t draw = prng.below(options.keep + options.lose + options.tear);
    if (draw < options.keep) {
      redo(&node->durable, change);
    } else if (draw >= options.keep + options.lose && !change.resize) {
      tear(&node->durable, change, prng);
    }
  }
  node->unsynced.clear();
  node->cached = node->durable;
}

void collect(const Node& node, const std::string& path, std::vector<std::string>* out) {
  if (!node.is_dir) out->push_back(path);
  for (const auto& [name, child] : node.names) collect(*child, path.empty() ? name : path + "/" + name, out);
}

}  // namespace

struct SimDisk::State {
  NodePtr root = std::make_shared<Node>();
  std::uint64_t generation = 0;  // of the machine: files and locks of an earlier one are dead
  std::set<std::string> locks;
  Hook hook;
  std::uint64_t ios = 0;
  std::uint64_t changes = 0;
  std::uint64_t syncs = 0;
  std::uint64_t used = 0;
  std::uint64_t capacity = ~std::uint64_t{0};
  std::uint64_t fail_at_io = 0;  // absolute count; 0: none
  std::uint64_t fail_at_change = 0;
  std::uint64_t writes = 0;  // to files
  std::uint64_t misplace_at_write = 0;
  std::optional<std::uint64_t> misdirect_to;  // none: it is lost
  std::optional<Misplaced> misplaced;         // in this life of the machine...
  NodePtr misplaced_in;                       // ...in this file
  bool fail_for_ever = false;
  Code fail_code = Code::internal;

  NodePtr find(const std::string& path) const {
    NodePtr node = root;
    for (std::size_t at = 0; at < path.size() && node != nullptr;) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      if (end > at) {
        const std::string name = path.substr(at, end - at);
        if (!node->is_dir) return nullptr;
        const auto found = node->names.find(name);
        node = found == node->names.end() ? nullptr : found->second;
      }
      at = end + 1;
    }
    return node;
  }

  // Counts an I/O and says whether it is to fail.
  Status begin(Operation operation, const std::string& path) {
    ++ios;
    const bool is_change = operation != Operation::open && operation != Operation::read;
    if (is_change) {
      ++changes;
      if (hook) hook(operation, path);
      if (operation == Operation::sync) ++syncs;
    }
    const bool hit = fail_at_io != 0 && (ios == fail_at_io || (fail_for_ever && ios > fail_at_io));
    const bool stopped = fail_at_change != 0 && changes >= fail_at_change;
    if (!hit && !stopped) return {};
    return fail(fail_code, "simulated fault: I/O " + std::to_string(ios) + " on " + path);
  }

  // Counts a write; true: this one was misplaced instead of being done.
  bool misplaces(const NodePtr& node, const std::string& path, std::uint64_t offset, std::string bytes) {
    if (++writes != misplace_at_write) {
      if (misplaced && misplaced_in == node) misplaced->written(offset, bytes.size());
      return false;
    }
    misplaced = Misplaced(path, offset, bytes);
    misplaced_in = node;
    const std::uint64_t size = node->cached.size();
    if (!misdirect_to || size < kSector) return true;
    const std::uint64_t at = *misdirect_to % size / kSector * kSector;
    bytes.resize(std::min<std::uint64_t>(bytes.size(), size - at));
    misplaced->landed(at, node->cached.substr(at, bytes.size()));
    write_into(&node->cached, at, bytes);
    node->unsynced.push_back({.resize = false, .offset = at, .bytes = std::move(bytes), .misdirected = true});
    return true;
  }

  Status reserve(std::uint64_t before, std::uint64_t after, const std::string& path) {
    if (after > before && used + (after - before) > capacity) {
      return fail(Code::resource_exhausted, "write " + path + ": No space left on device (simulated)");
    }
    used = used + after - before;
    return {};
  }
};

namespace {

class SimFile final : public io::File {
 public:
  SimFile(std::shared_ptr<SimDisk::State> state, NodePtr node, std::string path, bool writable)
      : state_(std::move(state)),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        generation_(state_->generation) {}

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    TRY(alive());
    if (!writable_) return fail(Code::permission_denied, "write " + path_ + ": opened for reading");
    const Status fault = state_->begin(Operation::write, path_);
    std::string bytes(reinterpret_cast<const char*>(data.data()), data.size());
    if (fault && state_->misplaces(node_, path_, offset, bytes)) return {};
    // A write that fails may have reached the disk in part.
    if (!fault) bytes.resize(bytes.size() / 2);
    const std::uint64_t size = node_->cached.size();
    TRY(state_->reserve(size, std::max<std::uint64_t>(size, offset + bytes.size()), path_));
    Node::Change change{.resize = false, .offset = offset, .bytes = std::move(bytes)};
    if (!change.bytes.empty()) {
      redo(&node_->cached, change);
      node_->unsynced.push_back(std::move(change));
    }
    return fault;
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    TRY(alive());
    TRY(state_->begin(Operation::read, path_));
    if (node_->is_dir) return fail(Code::internal, "read " + path_ + ": Is a directory");
    if (offset >= node_->cached.size()) return 0;
    const std::size_t size = std::min<std::size_t>(into.size(), node_->cached.size() - offset);
    std::copy_n(reinterpret_cast<const std::byte*>(node_->cached.data()) + offset, size, into.data());
    return size;
  }

  Status truncate(std::uint64_t size_bytes) override {
    TRY(alive());
    TRY(state_->begin(Operation::truncate, path_));
    TRY(state_->reserve(node_->cached.size(), size_bytes, path_));
    Node::Change change{.resize = true, .offset = size_bytes, .bytes = {}};
    redo(&node_->cached, change);
    node_->unsynced.push_back(std::move(change));
    return {};
  }

  Status sync() override {
    TRY(alive());
    Status fault = state_->begin(Operation::sync, path_);
    if (fault) {
      for (const Node::Change& change : node_->unsynced) redo(&node_->durable, change);
    }
    node_->unsynced.clear();  // after a failed sync the pages are marked clean all the same (ATC'20)
    return fault;
  }

  Result<std::uint64_t> size() override {
    TRY(alive());
    return node_->cached.size();
  }

 private:
  Status alive() const {
    if (generation_ == state_->generation) return {};
    return fail(Code::unavailable, path_ + ": the machine that opened this file has crashed");
  }

  const std::shared_ptr<SimDisk::State> state_;
  const NodePtr node_;
  const std::string path_;
  const bool writable_;
  const std::uint64_t generation_;
};

class SimDirectory final : public io::Directory {
 public:
  SimDirectory(std::shared_ptr<SimDisk::State> state, NodePtr node, std::string path)
      : state_(std::move(state)),
        node_(std::move(node)),
        path_(std::move(path)),
        generation_(state_->generation) {}
  Status sync() override {
    if (generation_ != state_->generation)
      return fail(Code::unavailable, path_ + ": the machine that opened this folder has crashed");
    TRY(state_->begin(Operation::sync_dir, path_));
    for (const Node::NameChange& change : node_->unsynced_names) redo(&node_->durable_names, change);
    node_->unsynced_names.clear();
    return {};
  }

 private:
  const std::shared_ptr<SimDisk::State> state_;
  const NodePtr node_;
  const std::string path_;
  const std::uint64_t generation_;
};

class SimLock final : public io::DirectoryLock {
 public:
  SimLock(std::shared_ptr<SimDisk::State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)), generation_(state_->generation) {}
  ~SimLock() override {
    if (generation_ == state_->generation) state_->locks.erase(path_);
  }

  Status watch_path(const std::string& path) {
    places_.emplace_back(path, state_->find(path));
    return check();
  }
  Status watch(const std::string& name) override { return watch_path(split(path_).first + "/" + name); }
  Status check() const override {
    for (const auto& [path, node] : places_) {
      const NodePtr now = state_->find(path);
      if (now == nullptr) return fail(Code::data_loss, path + " is gone");
      if (now != node) return fail(Code::data_loss, path + " is another one than that in use");
    }
    return {};
  }

 private:
  const std::shared_ptr<SimDisk::State> state_;
  const std::string path_;
  const std::uint64_t generation_;
  std::vector<std::pair<std::string, NodePtr>> places_;
};

tl::unexpected<Error> no_such(const std::string& path) {
  return fail(Code::not_found, path + ": No such file or directory");
}

}  // namespace

SimDisk::SimDisk() : state_(std::make_shared<State>()) { state_->root->is_dir = true; }
SimDisk::~SimDisk() = default;

Result<std::unique_ptr<io::File>> SimDisk::open(const std::string& path, io::OpenMode mode) {
  const bool creating = mode == io::OpenMode::create;
  TRY(state_->begin(creating ? Operation::create : Operation::open, path));
  NodePtr node = state_->find(path);
  if (creating) {
    if (node != nullptr) return fail(Code::failed_precondition, "create " + path + ": File exists");
    const auto [dir, name] = split(path);
    const NodePtr parent = state_->find(dir);
    if (parent == nullptr || !parent->is_dir) return no_such(path);
    node = std::make_shared<Node>();
    change_names(parent.get(), {.names = {{name, node}}});
  }
  if (node == nullptr) return no_such(path);
  if (node->is_dir) return fail(io::kMisplaced, "open " + path + ": Is a directory");
  return std::make_unique<SimFile>(state_, node, path, mode != io::OpenMode::read);
}

Status SimDisk::make_dir(const std::string& path) {
  TRY(state_->begin(Operation::make_dir, path));
  const NodePtr node = state_->find(path);
  if (node != nullptr) {
    if (node->is_dir) return {};
    return fail(io::kMisplaced, "mkdir " + path + ": File exists");
  }
  const auto [dir, name] = split(path);
  const NodePtr parent = state_->find(dir);
  if (parent == nullptr || !parent->is_dir) return no_such(path);
  const NodePtr made = std::make_shared<Node>();
  made->is_dir = true;
  change_names(parent.get(), {.names = {{name, made}}});
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& dir) {
  TRY(state_->begin(Operation::read, dir));
  const NodePtr node = state_->find(dir);
  if (node == nullptr) return no_such(dir);
  if (!node->is_dir) return fail(io::kMisplaced, "list " + dir + ": Not a directory");
  std::vector<std::string> names;
  for (const auto& [name, child] : node->names) names.push_back(name);
  return names;
}

Result<bool> SimDisk::exists(const std::string& path) {
  TRY(state_->begin(Operation::read, path));
  return state_->find(path) != nullptr;
}

Status SimDisk::rename(const std::string& from, const std::string& to) {
  TRY(state_->begin(Operation::rename, from));
  const NodePtr node = state_->find(from);
  if (node == nullptr) return no_such(from);
  const auto [from_dir, from_name] = split(from);
  const auto [to_dir, to_name] = split(to);
  const NodePtr source = state_->find(from_dir);
  const NodePtr target = state_->find(to_dir);
  if (target == nullptr) return no_such(to);
  const NodePtr replaced = state_->find(to);
  if (replaced != nullptr && replaced->is_dir && !replaced->names.empty())
    return fail(Code::internal, "rename " + from + " to " + to + ": Directory not empty");
  if (replaced == node) return {};
  if (replaced != nullptr) state_->used -= replaced->cached.size();
  if (source == target) {
    change_names(source.get(), {.names = {{from_name, nullptr}, {to_name, node}}});
  } else {
    change_names(target.get(), {.names = {{to_name, node}}});
    change_names(source.get(), {.names = {{from_name, nullptr}}});
  }
  return {};
}

Status SimDisk::remove(const std::string& path) {
  TRY(state_->begin(Operation::remove, path));
  const NodePtr node = state_->find(path);
  if (node == nullptr) return no_such(path);
  if (!node->names.empty()) return fail(Code::internal, "remove " + path + ": Directory not empty");
  const auto [dir, name] = split(path);
  state_->used -= node->cached.size();
  change_names(state_->find(dir).get(), {.names = {{name, nullptr}}});
  return {};
}

Status SimDisk::sync_dir(const std::string& dir) { return TRY(open_dir(dir))->sync(); }

Result<std::unique_ptr<io::Directory>> SimDisk::open_dir(const std::string& dir) {
  const NodePtr node = state_->find(dir);
  if (node == nullptr || !node->is_dir) return no_such(dir);
  return std::make_unique<SimDirectory>(state_, node, dir);
}

Result<std::uint64_t> SimDisk::room_bytes(const std::string&) {
  return state_->capacity - std::min(state_->used, state_->capacity);
}

Result<std::unique_ptr<io::DirectoryLock>> SimDisk::lock(const std::string& path) {
  const auto [dir, name] = split(path);
  const NodePtr folder = state_->find(dir);
  if (folder == nullptr) return no_such(path);
  if (!folder->is_dir) return fail(io::kMisplaced, "open directory " + dir + ": Not a directory");
  if (!state_->locks.insert(path).second) {
    return fail(Code::failed_precondition, "lock " + path + ": held already");
  }
  auto lock = std::make_unique<SimLock>(state_, path);
  TRY(lock->watch_path(dir));
  return lock;
}

void SimDisk::crash(Prng& prng, const CrashOptions& options) {
  settle(state_->root.get(), prng, options);
  kill_process();
  state_->used = bytes_in(*state_->root);
}

void SimDisk::kill_process() {
  ++state_->generation;
  state_->locks.clear();
  state_->misplaced.reset();
  clear_faults();
}

void SimDisk::fail_io(std::uint64_t nth, Code code, bool for_ever) {
  state_->fail_at_io = state_->ios + nth;
  state_->fail_for_ever = for_ever;
  state_->fail_code = code;
}

void SimDisk::stop_at_change(std::uint64_t nth) {
  state_->fail_at_change = state_->changes + nth;
  state_->fail_code = Code::unavailable;
}

void SimDisk::clear_faults() {
  state_->fail_at_io = 0;
  state_->fail_at_change = 0;
  state_->misplace_at_write = 0;
}

void SimDisk::lose_write(std::uint64_t nth) {
  state_->misplace_at_write = state_->writes + nth;
  state_->misdirect_to.reset();
}

void SimDisk::misdirect_write(std::uint64_t nth, std::uint64_t to_offset) {
  state_->misplace_at_write = state_->writes + nth;
  state_->misdirect_to = to_offset;
}

std::string SimDisk::misplaced() const { return state_->misplaced ? state_->misplaced->what : ""; }

void SimDisk::place_late() {
  if (!state_->misplaced) return;
  const Misplaced late = *std::exchange(state_->misplaced, std::nullopt);
  Node& node = *state_->misplaced_in;
  const std::uint64_t size = node.cached.size();
  const bool was_synced =
      std::erase_if(node.unsynced, [](const auto& each) { return each.misdirected; }) == 0;
  if (was_synced) write_into(&node.durable, late.landed_at, late.overwritten);
  write_into(&node.cached, late.landed_at, late.overwritten);
  for (std::string* content : {&node.durable, &node.cached}) {
    if (!late.is_made_up_for) write_into(content, late.offset, late.bytes);
  }
  for (const Node::Change& change : node.unsynced) redo(&node.cached, change);
  state_->used += node.cached.size() - size;
}

void SimDisk::set_capacity(std::uint64_t bytes) { state_->capacity = bytes; }
void SimDisk::set_hook(Hook hook) { state_->hook = std::move(hook); }
std::uint64_t SimDisk::io_count() const { return state_->ios; }
std::uint64_t SimDisk::change_count() const { return state_->changes; }
std::uint64_t SimDisk::sync_count() const { return state_->syncs; }
std::uint64_t SimDisk::used_bytes() const { return state_->used; }

std::string SimDisk::contents(const std::string& path) const {
  const NodePtr node = state_->find(path);
  return node == nullptr ? std::string() : node->cached;
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> out;
  collect(*state_->root, "", &out);
  return out;
}

void SimDisk::put(const std::string& path, const std::string& bytes) {
  NodePtr dir = state_->root;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    NodePtr& node = dir->names[name];
    if (node == nullptr) {
      node = std::make_shared<Node>();
      node->is_dir = end < path.size();
    }
    dir->durable_names[name] = node;
    dir = node;
  }
  CHECK(!dir->is_dir);
  state_->used = state_->used + bytes.size() - dir->cached.size();
  dir->cached = bytes;
  dir->durable = bytes;
  dir->unsynced.clear();
}

void SimDisk::overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  const NodePtr node = state_->find(path);
  CHECK(node != nullptr && offset + bytes.size() <= node->cached.size());
  write_into(&node->cached, offset, bytes);
  node->durable = node->cached;
  node->unsynced.clear();  // they do not come back over it
}

void SimDisk::cut_file(const std::string& path, std::uint64_t size_bytes) {
  const NodePtr node = state_->find(path);
  CHECK(node != nullptr && size_bytes <= node->cached.size());
  state_->used -= node->cached.size() - size_bytes;
  node->cached.resize(size_bytes);
  node->durable = node->cached;
  node->unsynced.clear();
}

void SimDisk::remove_tree(const std::string& path) {
  const NodePtr node = state_->find(path);
  if (node == nullptr) return;
  const auto [dir, name] = split(path);
  const NodePtr parent = state_->find(dir);
  parent->names.erase(name);
  parent->durable_names = parent->names;
  parent->unsynced_names.clear();
  state_->used = bytes_in(*state_->root);
}

struct SimDisk::Copy {
  NodePtr root;
};

std::shared_ptr<const SimDisk::Copy> SimDisk::copy() const {
  return std::make_shared<Copy>(Copy{deep_copy(*state_->root)});
}

void SimDisk::restore(const Copy& copy) {
  state_->root = deep_copy(*copy.root);
  state_->used = bytes_in(*state_->root);
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t bit) {
  const NodePtr node = state_->find(path);
  CHECK(node != nullptr && bit / 8 < node->cached.size());
  overwrite(path, bit / 8, std::string(1, static_cast<char>(node->cached[bit / 8] ^ (1 << (bit % 8)))));
}

}  // namespace cairn::sim
