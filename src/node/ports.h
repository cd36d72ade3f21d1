// The ports through which a Node acts on the world. Calls never block; completions come back as events.
// Implemented in server/ (threads, sockets, disk) and in test/sim (simulated ones).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "mvcc/view.h"
#include "raft/log_write.h"
#include "raft/types.h"

namespace cairn::node {

struct LogPort {  // -> LogPersisted{seq, room}, for all or for the newest of several
  virtual ~LogPort() = default;
  // What finds no room waits until there is some; all that follows waits behind it.
  virtual void write(raft::LogWrite write) = 0;
};

// Never corrupts, never blocks, has no error to return.
struct Transport {
  virtual ~Transport() = default;
  // May drop, delay, duplicate and reorder: Raft does not mind.
  virtual void send(raft::Message message) = 0;
  // Whom messages may go to and come from, from here on: the members of these configurations, of which the
  // last is in force (raft::Output::configurations). Before the first call: nobody.
  virtual void configured(const std::vector<raft::Configuration>& configurations) = 0;
  // Who is in none of them, and heard by an introduction, has said what cannot be true: not to be heard
  // further as things are.
  virtual void disbelieved(raft::NodeId who, const std::string& why) = 0;
  // A serialized cairn.note.Note for the other member's Node -> NoteReceived there. May drop, delay
  // and reorder, but delivers at most once, and never to a later start of the receiver: a forwarded write
  // must not apply twice. False: there is no room for it now, and it surely is not sent.
  virtual bool send_note(raft::NodeId to, Bytes note) = 0;
};

struct SnapshotPort {
  virtual ~SnapshotPort() = default;
  // Writes, syncs, publishes and reads back -> SnapshotSaved{meta}, or SnapshotFailed after a shortage.
  virtual void save(raft::SnapshotMeta meta, std::shared_ptr<const mvcc::View> view) = 0;
  // Streams the newest durable snapshot to the peer, together with `offer` -> SnapshotSent. The
  // receiver stores it durably, then hands the message (a SnapshotOffer) to its Node. If it is found to be
  // damaged meanwhile, it is put aside -> SnapshotLost{meta}; nothing older than `offer` says is sent
  // instead.
  virtual void stream(raft::Message offer) = 0;
  // Loads a durable snapshot -> SnapshotLoaded{meta, machine}.
  virtual void load(raft::SnapshotMeta meta) = 0;
};

// Whose memory it is that the Node works with: docs/adr/0013.
struct MemoryPort {
  virtual ~MemoryPort() = default;
  // This member goes on in a new incarnation, which is not full; for a line of the log.
  virtual void forgot(const std::string& why) = 0;
  // This member has what the others have not. It does nothing more; whoever runs it puts all of its data
  // aside, and starts it again with nothing.
  virtual void diverged(const std::string& why) = 0;
};

// Whoever follows the state from turn to turn.
struct Audience {
  virtual ~Audience() = default;
  virtual bool listens()
      const = 0;  // asked in every turn that has applied something: a view is not for nothing
  // At the end of such a turn; a view is newer than all before.
  virtual void published(std::shared_ptr<const mvcc::View> view) = 0;
};

}  // namespace cairn::node
