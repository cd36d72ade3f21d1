// Clients: closed loops of random requests at random members, with deadlines. A request whose outcome is
// unknown stays open in the history for ever, unless it had an idempotency key: then it is asked again, under
// the same key. A request that was refused because of a limit is asked again by anybody, since it surely did
// not happen; one of which every try was refused must not have happened when all is over. Owner: Cluster.
// Threading: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/client_history.h"
#include "sim/world.h"

namespace cairn::sim {

class Clients {
 public:
  explicit Clients(World& world);
  void start();
  void stop() { stopped_ = true; }
  // One more write; the run is alive when it is acknowledged.
  void probe();
  bool probe_acknowledged() const { return probed_; }
  // One write at each of these members, once, which waits as long as nothing was acknowledged: does any of
  // them serve? Where disks are slow and queues short, all that the others ask for may come too late.
  void pulse(const std::vector<std::uint64_t>& members, Duration waited);
  Time write_acknowledged_at() const { return write_acknowledged_at_; }  // the last of anybody

  const ClientHistory& history() const { return history_; }
  const ClientHistory& local_reads() const { return local_reads_; }

 private:
  static constexpr std::uint64_t kRetriesMax = 10;
  static constexpr std::uint64_t kBoundBytes = 100;  // of a record that is read, beside its value
  struct Client {
    std::uint64_t id = 0;
    std::map<std::string, std::int64_t> mod_revisions;  // as last seen, for guards
    std::uint64_t turn = 0;  // counts requests, so that late answers are known as such
  };
  struct Call {
    std::size_t client = 0, item = 0;
    std::uint64_t turn = 0, tries = 0;
    std::uint64_t refusals = 0;  // of these tries
    std::uint64_t at = 0;        // the one member to ask; 0: any
    Duration least_timeout{};    // whatever the world's clients have
    bool local = false, probe = false, compaction = false, done = false;
    Request request;
    std::string key;                 // idempotency
    std::int64_t seen_revision = 0;  // before the key was used; 0: not said
  };
  struct WriteAnswer;
  struct ReadAnswer;

  void next(std::size_t client);
  Request draw(std::size_t client, std::string key);
  void compact(std::size_t client);
  void make_room();
  void issue(const std::shared_ptr<Call>& call);
  void attempt(const std::shared_ptr<Call>& call);
  void answered(const std::shared_ptr<Call>& call, std::size_t item, const Reply& reply,
                std::uint64_t member);
  void unknown(const std::shared_ptr<Call>& call);
  void refused(const std::shared_ptr<Call>& call, std::uint64_t tried);
  void stamp(Call* call) const;
  void bound(Call* call);
  void probe_anew(Call* call);
  void settle(const std::shared_ptr<Call>& call);
  void retry(const std::shared_ptr<Call>& call, Duration wait);

  World& world_;
  Prng prng_, bound_prng_;
  std::vector<Client> clients_;
  ClientHistory history_, local_reads_;
  std::uint64_t values_ = 0;
  std::int64_t newest_revision_ = 1;  // that anybody was told of
  Time write_acknowledged_at_{};
  bool stopped_ = false, probed_ = false;
};

}  // namespace cairn::sim
