// QueueCall: a call of Lock or Campaign. It puts a key behind those that others have under the same name, and
// is answered once that key is the oldest: then the lock is held, or the election won, for as long as the key
// is there. Who waits looks at nothing but the key right before its own, so a change wakes one call, and what
// others do costs none. A call that ends before that takes its key away again, so that it is in nobody's way;
// only a member that stops leaves it there, for a client that asks again elsewhere with the same lease.
//
// On the wire it is a unary call. To the server it is a stream of one message each way: whose end is heard
// of, and which may last. Owner: the call. Threading: the Api's. Bounded: Config::queue_calls_max.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "api/grpc_methods.h"
#include "api/watches.h"
#include "node/requests.h"

namespace cairn::api {

class QueueCall;

// All that are open. Owner: Api.
class QueueCalls {
 public:
  QueueCalls(const Config& config, node::Member& member, Watches& watches)
      : config_(config), member_(member), watches_(watches) {}
  ~QueueCalls();
  QueueCalls(const QueueCalls&) = delete;
  QueueCalls& operator=(const QueueCalls&) = delete;

  // False, with the call refused: there are too many, or the server stops.
  bool admit(rpc::GrpcCall& call);
  void stop();  // ends all of them: the server stops

 private:
  friend class QueueCall;
  const Config& config_;
  node::Member& member_;
  Watches& watches_;
  std::set<QueueCall*> calls_;
  bool stopped_ = false;
};

class QueueCall : public rpc::GrpcStream {
 public:
  QueueCall(QueueCalls& all, std::shared_ptr<rpc::GrpcCall> call);
  ~QueueCall() override;
  QueueCall(const QueueCall&) = delete;
  QueueCall& operator=(const QueueCall&) = delete;

  void on_message(std::string_view message) final;
  void on_half_close() final;

 protected:
  struct Wish {
    std::string name;
    std::int64_t lease = 0;
    std::string value{};
  };
  struct Place {
    std::string key;
    std::int64_t lease = 0;
    std::int64_t revision = 0;  // at which the key was created
  };
  // Nothing, with the call finished, when the message is none.
  virtual std::optional<Wish> wish_of(rpc::GrpcCall& call, std::string_view message) = 0;
  virtual std::string answer_of(const Wish& wish, const Place& place) = 0;  // without its header
  virtual Reason lost() const = 0;                                          // why: the key has gone

 private:
  friend class QueueCalls;
  class Waiter;
  struct Shared;

  void enter();
  void entered(const mvcc::Outcome& outcome);
  void look();
  void looked(const mvcc::Outcome& outcome);
  void wait_for(const std::string& key, std::int64_t revision);
  void watch();
  void woken();
  void won(std::int64_t revision);
  void fail(const Error& error);
  Time deadline() const;

  QueueCalls& all_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  const std::shared_ptr<Shared> shared_;  // with what is under way
  std::unique_ptr<Waiter> waiter_;        // once it had to wait
  std::string awaited_;                   // the key before its own
  std::int64_t from_revision_ = 0;
  bool has_begun_ = false, is_over_ = false;
};

// ---- steps of calls that take several ----

// What follows a write, or a read, whatever becomes of it: called once.
using Continue = std::function<void(mvcc::Outcome)>;
using Query = std::function<mvcc::Outcome(const mvcc::View&)>;
std::unique_ptr<node::WriteResponder> continue_with(Continue then);
std::unique_ptr<node::ReadResponder> continue_with(Query query, Continue then);

// A lease for who has named none: of 60 s, as etcd's sessions. The body is a LeaseGrantResponse.
void grant_session(const Config& config, node::Member& member, Time deadline, Continue then);

// As etcd names keys of locks and candidates.
std::string queue_prefix(std::string_view name);

// Reads the keys of a queue, in a transaction of one range.
void read_queue(const Config& config, node::Member& member, Time deadline,
                const etcdserverpb::RangeRequest& range, Continue then);
// That range: the oldest key with its value.
etcdserverpb::RangeRequest oldest_of(const std::string& prefix);
etcdserverpb::TxnResponse txn_response_of(const mvcc::Outcome& outcome);

// A transaction that does something to a key if it was created at that revision; 0: if there is none.
etcdserverpb::TxnRequest if_created_at(const std::string& key, std::int64_t revision);

}  // namespace cairn::api
