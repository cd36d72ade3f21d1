// KeptLease, Turn: what locks and elections are made of, over a Client. Both ask only when they are called:
// who has one calls keep() by the time that due() says, and waits in between for less than that. Threading:
// that of the Client.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "client/client.h"

namespace cairn::client {

// A lease that lasts for as long as it is kept alive.
//   KeptLease kept(client, *client.grant_lease(std::chrono::seconds(30)), before);
class KeptLease {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // `asked_at`: before it was granted, since its time runs from then on, as far as anybody here knows.
  KeptLease(Client& client, Lease granted, Time asked_at);

  // Renews it when that is due. An error: it is lost, or may be by now; what it stood for is nobody's any
  // more.
  std::optional<Error> keep();
  Time due() const { return due_; }
  const std::string& id() const { return lease_.id; }

 private:
  void lasts_from(Time asked_at);

  Client& client_;
  Lease lease_;
  Time due_{}, end_{};
};

// A place in the queue under a name. The key is name + "/" + the lease; the oldest key has the lock, or
// leads. etcd's clients use the same keys, so that these and those wait for one another.
class Turn {
 public:
  Turn(Client& client, std::string name, std::string lease, std::string value = "");

  // First: its key is there after that, or before, if it comes back with the same lease.
  Answer<Written> enter();
  // Waits so long at most: true, it is its turn. An error whose code is "turn_lost": its key has gone.
  Answer<bool> wait(std::chrono::milliseconds at_most);
  const std::string& key() const { return key_; }
  // At which the key was created: it grows from one holder to the next. Whoever writes under the lock
  // compares it.
  std::int64_t revision() const { return revision_; }

 private:
  Answer<bool> look();

  Client& client_;
  const std::string prefix_, lease_, value_, key_;
  std::int64_t revision_ = 0;
  std::optional<Watch> before_;  // of the key right before its own
};

// The oldest key under a name: who holds the lock, or leads. Nothing: nobody does.
struct Holder {
  std::optional<KeyValue> kv;
  std::int64_t revision = 0;  // as of which
};
Answer<Holder> holder(Client& client, const std::string& name);

}  // namespace cairn::client
