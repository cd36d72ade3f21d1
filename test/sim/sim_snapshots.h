// SimSnapshots: the snapshot thread and the snapshot streams between members, over the real SnapshotStore on
// a simulated disk. A stream goes chunk by chunk, so that crashes, cuts and newer snapshots may come in
// between. Owner: Member's running process. Threading: one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "node/node.h"
#include "node/ports.h"
#include "sim/sim_log.h"
#include "sim/world.h"
#include "wal/snapshot_store.h"

namespace cairn::sim {

class SimSnapshots final : public node::SnapshotPort {
 public:
  struct Host : SimLog::Host {
    virtual void deliver(node::Event event) = 0;
    virtual void snapshot_durable(raft::Index index) = 0;
  };
  SimSnapshots(World& world, Host& host, std::uint64_t id, std::unique_ptr<wal::SnapshotStore> store)
      : world_(world), host_(host), id_(id), store_(std::move(store)) {}

  void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) override;
  void stream(raft::Message offer) override;
  void load(raft::SnapshotMeta meta) override;

 private:
  struct Stream;
  void save_now(const raft::SnapshotMeta& meta, const mvcc::View& view);
  void load_now(const raft::SnapshotMeta& meta);
  void begin_stream(const std::shared_ptr<Stream>& stream);
  void next_chunk(const std::shared_ptr<Stream>& stream);
  void receive(const std::shared_ptr<Stream>& stream, std::uint64_t number, const std::string& stored);
  void end_stream(const std::shared_ptr<Stream>& stream, bool ok, const std::string& refused = {});
  // Runs at the receiver, if it is there; the stream breaks otherwise.
  void at_receiver(const std::shared_ptr<Stream>& stream, std::function<void(SimSnapshots&)> task);
  static void arrive(World& world, const std::shared_ptr<Stream>& stream,
                     const std::function<void(SimSnapshots&)>& task);
  static void at_sender(World& world, const std::shared_ptr<Stream>& stream,
                        std::function<void(SimSnapshots&)> task);
  // True when the process goes on: a full disk and damage to the stream are survivable.
  bool survives(const Error& error);
  std::string not_taken(const Error& error);  // what the sender hears; empty: this process has died of it

  World& world_;
  Host& host_;
  const std::uint64_t id_;
  std::unique_ptr<wal::SnapshotStore> store_;
  std::size_t loads_ = 0;                                                      // asked for and not done
  std::map<std::uint64_t, std::unique_ptr<wal::SnapshotReceiver>> receiving_;  // by sender; at most one each
};

}  // namespace cairn::sim
