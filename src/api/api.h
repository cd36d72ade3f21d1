// Api: what clients of one member meet, translated to and from node::Member: etcd's v3 gRPC services, REST
// v1, and the operational pages (/health, /livez, /readyz, /version, /metrics). It decides nothing about the
// data. Owner: server/. Threading: one thread, that of its rpc::Server. The Member must outlive the Api, and
// the Api every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "etcd/limits.h"
#include "observe/server_metrics.h"
#include "observe/slow_ones.h"
#include "rpc/handler.h"
#include "watch/limits.h"

namespace cairn::node {
struct Member;
}

namespace cairn::api {

class Passwords;
class SlowRequests;
class Watches;

struct Config {
  std::string name = "cairn";  // of this member
  // Afterwards a request has failed, and the outcome of a write is unknown: 5 s + 2 election timeouts, as
  // etcd.
  Duration request_timeout = std::chrono::seconds(7);
  // A REST write waits that long for a leader before it is refused: two election timeouts.
  Duration leader_patience = std::chrono::seconds(2);
  std::size_t request_bytes_max = etcd::kRequestBytesMax;
  etcd::RequestLimits request{};
  // A transaction or deletion that reads or answers more is refused before it has changed anything: it is
  // made in one turn of the loop. Lists by range requests have no bound: they are streamed.
  std::uint64_t answer_bytes_max = std::uint64_t{16} << 20;
  int json_depth_max = 32;  // levels of nesting
  std::size_t query_parameters_max = 32;
  std::vector<std::string> cors_origins{};  // "http://host:port", or "*" for any; api/cors.h
  // Of a page of a REST listing. It ends with the value that reaches the bytes: it is made in one turn of the
  // loop, which others wait for.
  std::int64_t page_keys_default = 100;
  std::int64_t page_keys_max = 10000;
  std::size_t page_bytes_max = std::size_t{512} << 10;
  std::int64_t page_step_keys = 16;  // read at a time, so that a page overshoots little
  // Of a range whose listing is in another order than by key, which has to be read whole for every page.
  std::size_t sort_keys_max = 10000;
  std::size_t sort_bytes_max = std::size_t{16} << 20;
  bool peer_port_open = false;             // whoever reaches it may speak as a member; said by status
  bool gateway = true;                     // etcd's, for JSON, is served
  std::size_t gateway_objects_max = 1000;  // in the body of a streaming method's call
  watch::Limits watch{};
  // A shorter TTL is raised to it: one and a half election timeouts, in whole seconds, as etcd.
  std::int64_t lease_ttl_min_s = 2;
  std::size_t keep_alives_max = 128;  // of one stream, not answered
  // Changes of members and leaders that wait until it is known who asks for them, of one front-end.
  std::size_t changes_waiting_max = 64;
  std::size_t queue_calls_max = 10'000;     // calls of Lock and Campaign, of one front-end
  std::function<std::uint64_t()> random{};  // for ids of leases; empty: the Api's own, the same in every life
  // A watch whose client wants a leader ends after so long without one: three election timeouts.
  Duration leaderless_max = std::chrono::seconds(3);
  // So often health checks that are watched look for news.
  Duration health_look_interval = std::chrono::milliseconds(250);
  // A login that is not used for so long has ended; etcd's. By whoever was asked: members see different uses.
  Duration token_idle_max = std::chrono::seconds(300);
  Passwords* passwords = nullptr;  // hashes and checks them elsewhere; null: nobody can be made or let in
  // Runs it on the Api's thread, soon; from any thread. Empty: at once.
  std::function<void(std::function<void()>)> post{};
  // Has Api::woken() called on its thread then, instead of at the time that was asked for before.
  std::function<void(Time)> wake_at{};
  std::size_t backups_max = 4;                           // streamed at once, on this thread
  Duration backup_stall_max = std::chrono::seconds(30);  // not read for that long, it is cut off
  // A request that took longer is said in the log, once a minute; etcd's bound.
  SlowOnes::Limits slow_requests{.slow = std::chrono::milliseconds(300)};
  // A REST watch hears that nothing has happened this often: proxies end what is silent for long.
  Duration watch_silence = std::chrono::seconds(15);
  Duration watch_wait_max = std::chrono::minutes(10);  // of a long poll
  SlowRequests* slow = nullptr;                        // the Api's
  Watches* watches = nullptr;                          // the Api's
  ServerMetrics* metrics = nullptr;  // counted here, and the page /metrics; null: the Api's own
};

class Api final : public rpc::Handler {
 public:
  Api(Config config, node::Member& member);
  ~Api() override;

  const rpc::Method* find_method(std::string_view path) const override;
  bool knows_service(std::string_view service) const override;
  void on_unary(const rpc::Method& method, std::shared_ptr<rpc::GrpcCall> call,
                std::string_view request) override;
  std::unique_ptr<rpc::GrpcStream> open_stream(const rpc::Method& method,
                                               const std::shared_ptr<rpc::GrpcCall>& call) override;
  void on_grpc_end(const rpc::GrpcEnd& end) override;
  void on_long_reply_turn(std::size_t bytes) override;
  std::optional<rpc::HttpResponse> answer_early(const rpc::HttpRequest& head) override;
  void on_http(std::shared_ptr<rpc::HttpCall> call) override;
  void woken();
  void stop();  // ends the streams that would not end by themselves

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::api
