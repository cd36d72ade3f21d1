#include "server/rescue.h"

#include <limits>
#include <memory>
#include <utility>

#include "base/sha256.h"
#include "node/applying.h"
#include "server/bootstrap.h"
#include "server/newest_state.h"
#include "wal/inspect.h"
#include "wal/snapshot_store.h"

namespace cairn::server {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

// The entries behind the snapshot, as the log has them after all that was written over.
class Tail {
 public:
  explicit Tail(raft::Index from) : first_(from.next()) {}

  void add(const raft::Entry& entry) {
    if (entry.index < first_ || has_gap_) return;
    const std::uint64_t at = entry.index.v - first_.v;
    if (at > entries_.size()) {
      has_gap_ = true;
      return;
    }
    entries_.resize(at);
    entries_.push_back(entry);
  }
  std::vector<raft::Entry> take() { return std::move(entries_); }
  bool has_gap() const { return has_gap_; }

 private:
  const raft::Index first_;
  std::vector<raft::Entry> entries_;
  bool has_gap_ = false;
};

Result<std::vector<raft::Entry>> entries_behind(io::Disk& disk, const std::string& dir, raft::Index snapshot,
                                                std::vector<std::string>* notes) {
  Tail tail(snapshot);
  const auto line = [notes](std::string_view text) {
    constexpr std::string_view kDamage = "damage what=";
    if (text.starts_with(kDamage)) notes->emplace_back(text.substr(kDamage.size()));
  };
  TRY(wal::inspect_wal(disk, dir, {line, false, [&tail](const raft::Entry& entry) { tail.add(entry); }}));
  if (tail.has_gap()) notes->push_back("entries are missing in the log: what stands behind them is left out");
  return tail.take();
}

Status write_out(const mvcc::View& view, const std::function<Status(std::string_view)>& write) {
  const auto file = view.etcd_file();
  while (!file->measure()) {
  }
  Sha256 hash;
  std::string piece;
  while (!file->finished()) {
    piece.clear();
    file->read(kPieceBytes, &piece);
    hash.update(piece);
    TRY(write(piece));
  }
  return write(hash.digest());
}

}  // namespace

Result<Rescued> rescue(io::Disk& disk, const std::string& dir,
                       const std::function<Status(std::string_view)>& write, const mvcc::Limits& limits) {
  if (!TRY(disk.exists(dir + "/wal")))
    return fail(Code::not_found, dir + " holds no log of cairn: name what a member had as --data-dir");
  // Before its first entry nothing is asked of who its members are.
  Bootstrap nobody;
  nobody.joins = true;
  const auto lock = TRY(disk.lock(dir + "/LOCK"));
  Rescued rescued;
  const auto store = TRY(wal::SnapshotStore::open(disk, dir));
  const auto any = [](const raft::SnapshotMeta&) { return Status(); };
  NewestState newest = TRY(load_newest(*store, nobody, limits, any, &rescued.notes));
  std::vector<raft::Entry> entries = TRY(entries_behind(disk, dir, newest.meta.index, &rescued.notes));
  node::Applying applying(std::move(newest.machine), newest.meta, std::numeric_limits<std::size_t>::max());
  applying.committed(std::move(entries));
  applying.begin_turn();
  applying.apply(nullptr);
  rescued.term = applying.applied().term;
  rescued.index = applying.applied().index;
  rescued.revision = applying.machine().revision();
  TRY(write_out(*applying.machine().view(), write));
  return rescued;
}

}  // namespace cairn::server
