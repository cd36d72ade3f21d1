#include "node/applying.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/reached.h"
#include "proto/command.pb.h"
#include "raft/log.h"
#include "raft/members.h"

namespace cairn::node {
namespace {

// What the configuration says of its members; texts that cannot be read say nothing, on every member alike.
mvcc::MemberMap described(const raft::Members& members) {
  mvcc::MemberMap map;
  for (const raft::NodeId id : raft::all_members(members)) {
    mvcc::MemberInfo& info = map[id.v];
    info.id = id.v;
    command::PublishMember said;
    const raft::About* about = raft::about(members, id);
    if (about == nullptr || !said.ParseFromString(about->text)) continue;
    info.name = said.name();
    info.peer_urls.assign(said.peer_urls().begin(), said.peer_urls().end());
  }
  return map;
}

}  // namespace

Applying::Applying(std::unique_ptr<mvcc::StateMachine> machine, raft::SnapshotMeta applied,
                   std::size_t bytes_per_turn)
    : bytes_per_turn_(bytes_per_turn), machine_(std::move(machine)), applied_(std::move(applied)) {
  CHECK(machine_ != nullptr);
  CHECK(machine_->applied_index() == applied_.index.v);
  if (applied_.index.v > 0) hashes_ = {{applied_.index, machine_->state_hash()}};
}

void Applying::committed(std::vector<raft::Entry> entries) {
  std::move(entries.begin(), entries.end(), std::back_inserter(committed_));
}

void Applying::await(raft::SnapshotMeta meta) {
  REACHED("node.snapshot.loading");
  committed_.clear();
  loading_ = std::move(meta);
}

bool Applying::install(std::unique_ptr<mvcc::StateMachine> loaded, const raft::SnapshotMeta& meta) {
  if (!loading_.has_value() || *loading_ != meta) {
    REACHED("node.snapshot.superseded");  // a newer one is on its way
    return false;
  }
  CHECK(loaded->applied_index() == meta.index.v);
  operations_before_ += machine_->operations();
  machine_ = std::move(loaded);
  applied_ = meta;
  hashes_ = {{applied_.index, machine_->state_hash()}};
  loading_.reset();
  return true;
}

std::optional<Applying::Progress> Applying::apply(mvcc::ApplySink* sink) {
  if (is_loading() || committed_.empty()) return std::nullopt;
  Progress progress;
  const raft::Term term_before = applied_.term;
  while (!committed_.empty() && bytes_left_ > 0) {
    const raft::Entry& entry = committed_.front();
    bytes_left_ -= std::min(bytes_left_, raft::size_bytes(entry));
    if (entry.data != nullptr) progress.log_bytes += entry.data->size();
    apply(entry, sink, &progress);
    committed_.pop_front();
  }
  if (applied_.term > term_before) progress.latest_term = applied_.term;
  if (!committed_.empty()) REACHED("node.apply.sliced");
  return progress;
}

void Applying::apply(const raft::Entry& entry, mvcc::ApplySink* sink, Progress* progress) {
  CHECK(entry.index == applied_.index.next());  // C1
  applied_.index = entry.index;
  applied_.term = entry.term;
  const std::string_view data = entry.data == nullptr ? std::string_view() : std::string_view(*entry.data);
  if (entry.type == raft::EntryType::members) {
    std::optional<raft::Members> members = raft::decode_members(data);
    CHECK(members.has_value());  // what comes from outside was checked at the door
    applied_.members = std::move(*members);
    machine_->follow(described(applied_.members));
    progress->configurations.push_back({{entry.term, entry.index}, applied_.members});
  }
  machine_->apply({entry.index.v, entry.term.v},
                  entry.type == raft::EntryType::command ? data : std::string_view(), sink);
  hashes_.push_back({entry.index, machine_->state_hash()});
}

mvcc::OperationCounts Applying::operations() const {
  mvcc::OperationCounts all = operations_before_;
  all += machine_->operations();
  return all;
}

std::vector<raft::StateHash> Applying::take_hashes() { return std::exchange(hashes_, {}); }

}  // namespace cairn::node
