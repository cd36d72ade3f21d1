// Backups: the streams of Maintenance/Snapshot: the member's state as a file of etcd's, in messages of 32
// KiB, and its SHA-256 as the last one. All of one state, that of when it was asked for; each turn of the
// loop makes a few messages, as its client takes them.
//
// Whoever reads nothing keeps an old state in memory: it is cut off after Config::backup_stall_max, and who
// reads less than 64 KiB/s likewise. Owner: Api. Threading: the Api's. Bounded: Config::backups_max at once.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "api/api.h"

namespace cairn::api {

class BackupStream;

class Backups {
 public:
  // `wake` is asked to have look() called then; each time replaces the one before.
  Backups(const Config& config, node::Member& member, std::function<void(Time)> wake)
      : config_(config), member_(member), wake_(std::move(wake)) {}
  ~Backups();
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  // Null when there are too many: the call has been finished.
  std::unique_ptr<rpc::GrpcStream> open(std::shared_ptr<rpc::GrpcCall> call);
  void look();
  void stop();

 private:
  friend class BackupStream;

  const Config& config_;
  node::Member& member_;
  const std::function<void(Time)> wake_;
  std::set<BackupStream*> streams_;
  bool looks_ = false;  // it was asked for
};

}  // namespace cairn::api
