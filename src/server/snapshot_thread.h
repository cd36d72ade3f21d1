// SnapshotThread: the thread that writes, loads, sends and receives snapshots, so that none of this ever
// stalls a write. Completions are called on this thread; whoever waits on the loop posts itself there. Owner:
// Runtime. Threading: every method from the loop thread. Bounded: Limits::tasks_max tasks; a peer's stream
// that finds it full is told so and tries again. Paced: it rests as long as it works, so that whatever the
// machine has, half of what it could take is left to the log and the loop. Errors: a shortage
// (io::is_shortage) fails the task and leaves the published snapshots alone; any other failed durable write
// ends the process (fatal.h); a snapshot that cannot be read back is an error of the task; one found to be
// damaged while it is sent is put aside.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/mailbox.h"
#include "mvcc/state_machine.h"
#include "peer/peers.h"
#include "server/pace.h"
#include "wal/snapshot_store.h"

namespace cairn::server {

class SnapshotThread final : public peer::SnapshotFiles {
 public:
  struct Limits {
    std::size_t tasks_max = 64;
    int nice = 10;
    unsigned rest_per_work = 1;
  };

  // The newest snapshot was found to be damaged, and is put aside. Called on this thread.
  using Lost = std::function<void(const raft::SnapshotMeta& meta)>;

  // `pace` is that of the disk below the store.
  SnapshotThread(std::unique_ptr<wal::SnapshotStore> store, Pace* pace, Lost lost)
      : SnapshotThread(std::move(store), pace, std::move(lost), Limits()) {}
  SnapshotThread(std::unique_ptr<wal::SnapshotStore> store, Pace* pace, Lost lost, const Limits& limits);
  ~SnapshotThread() override;
  void stop();

  void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view,
            std::function<void(Status)> done);
  void load(raft::SnapshotMeta meta, std::function<void(Result<std::unique_ptr<mvcc::StateMachine>>)> done);
  void newest(std::function<void(std::optional<wal::SnapshotInfo>)> done);

  // peer::SnapshotFiles
  void manifest(raft::SnapshotMeta meta, std::function<void(Result<std::string>)> done) override;
  void chunk(raft::SnapshotMeta meta, std::uint64_t number,
             std::function<void(Result<std::string>)> done) override;
  void begin_receive(raft::NodeId from, raft::SnapshotMeta meta, std::string manifest,
                     std::function<void(Result<std::uint64_t>)> done) override;
  void receive_chunk(raft::NodeId from, std::uint64_t number, std::string stored,
                     std::function<void(Status)> done) override;
  void finish_receive(raft::NodeId from, std::function<void(Status)> done) override;

 private:
  using Task = std::function<void()>;
  void run();
  Status save_now(const raft::SnapshotMeta& meta, const mvcc::View& view);
  Result<std::unique_ptr<mvcc::StateMachine>> load_now(const raft::SnapshotMeta& meta);
  void keep_from_peers(const raft::SnapshotMeta& meta, const Error& why);

  const Limits limits_;
  Pace* const pace_;
  const Lost lost_;
  std::unique_ptr<wal::SnapshotStore> store_;                                 // the snapshot thread's
  std::map<raft::NodeId, std::unique_ptr<wal::SnapshotReceiver>> receiving_;  // the same; at most one
  Mailbox<Task> tasks_;
  std::thread thread_;
};

}  // namespace cairn::server
