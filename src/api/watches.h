// Watches: the clients' streams of watches, of whatever protocol, and the hub that knows what their watches
// have seen. Follows the member's state while there is a stream. Owner: Api. Threading: the Api's. Bounded:
// Config::watch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/guard.h"
#include "base/time.h"
#include "etcd/reasons.h"
#include "node/member.h"
#include "watch/hub.h"

namespace cairn::api {

class Watches;

// One client's stream. Owner: the call that it answers.
class WatchClient : public watch::Sink {
 public:
  WatchClient(Watches& watches, bool wants_leader);
  ~WatchClient() override;
  WatchClient(const WatchClient&) = delete;
  WatchClient& operator=(const WatchClient&) = delete;

  virtual void ready() = 0;             // the hub knows a state: watches can be made
  virtual void refuse(Reason why) = 0;  // and end it
  virtual void time_is_up() {}          // that it asked for with wake_at()
  // Who opened this may not see that any more: these of its watches have to end.
  virtual void lost(const std::vector<std::int64_t>& watches, const Error& why);
  bool wants_leader() const { return wants_leader_; }

 protected:
  bool is_ready() const;
  watch::Stream& stream();  // REQUIRES: is_ready()
  bool has_stream() const { return stream_.has_value(); }
  void wake_at(std::optional<Time> when);
  // As that of the stream; an error: who opened this may not see that, or nobody knows who it is.
  Result<watch::Refused> create(const watch::Request& request);

  Watches& watches_;

 private:
  friend class Watches;
  void look_again(const mvcc::AuthState& auth);

  const SharedCredential whose_;
  std::string user_;  // who that was when a watch was last made. Empty: nobody
  std::optional<watch::Stream> stream_;
  std::optional<Time> wake_at_;
  const bool wants_leader_;
};

class Watches {
 public:
  Watches(const Config& config, Guard& member) : config_(config), member_(member), hub_(config.watch) {}
  ~Watches();
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  // Before a client is made: false, the server stops.
  bool opens();
  void opened();    // and after it
  void schedule();  // after anything that may have left something to do
  void woken();     // the time that was asked for by Config::wake_at has come
  void stop();      // ends all streams: the server stops

  Guard& member() const { return member_; }
  std::int64_t revision() const { return hub_.revision(); }  // REQUIRES: a client that is ready

 private:
  friend class WatchClient;
  void publish(std::shared_ptr<const mvcc::View> view);
  void look_at_users(const mvcc::AuthState& auth);
  // Those that come later: the member's, or those of the state that its events are from.
  const mvcc::AuthState& auth() const;
  std::optional<Time> due() const;
  void look_for_leader(Time now);
  void look_at_time(Time now);
  void count();

  const Config& config_;
  Guard& member_;
  watch::Hub hub_;
  std::set<WatchClient*> clients_;
  std::set<std::pair<Time, WatchClient*>> by_time_;  // those that asked to be woken
  mvcc::AuthState seen_;  // users as they were in the state that was published last
  std::size_t want_leader_ = 0;
  std::size_t counted_streams_ = 0, counted_watches_ = 0, counted_behind_ = 0;  // in the metrics
  std::optional<Time> leaderless_since_;
  std::optional<Time> woken_at_;  // that was asked for
  bool follows_ = false, stopped_ = false;
};

}  // namespace cairn::api
