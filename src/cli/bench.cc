// bench: load through etcd's v3 gRPC API, so that the same tool measures Cairn and etcd.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <ostream>

#include "base/prng.h"
#include "cli/commands.h"
#include "cli/histogram.h"
#include "cli/json.h"
#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kPrefillMax = 100000;
constexpr auto kTick = std::chrono::milliseconds(1);
constexpr auto kPauseAfterError = std::chrono::milliseconds(10);
constexpr auto kConnectTimeout = std::chrono::seconds(5);
constexpr auto kDrainTimeout = std::chrono::seconds(2);

struct Target {
  std::string host;
  std::uint16_t port = 0;
};

bool parse_target(const std::string& endpoint, Target* into) {
  const std::size_t scheme = endpoint.find("://");
  const std::string rest = scheme == std::string::npos ? endpoint : endpoint.substr(scheme + 3);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string::npos) return false;
  into->host = rest.substr(0, colon);
  if (into->host.size() > 2 && into->host.front() == '[')
    into->host = into->host.substr(1, into->host.size() - 2);
  const int port = std::atoi(rest.c_str() + colon + 1);
  into->port = static_cast<std::uint16_t>(port);
  return port > 0 && port < 65536 && !into->host.empty();
}

std::string kind_of(const rpc::GrpcReply& reply) {
  if (!reply.status_message.empty()) return std::string(reply.status_message.substr(0, 120));
  return "grpc code " + std::to_string(static_cast<int>(reply.code));
}

class Load {
 public:
  Load(const Context& context, const BenchOptions& options)
      : context_(context), options_(options), random_(42) {
    value_.resize(options.value_bytes);
    for (char& c : value_) c = static_cast<char>('a' + random_.below(26));
  }

  int run() {
    if (const int code = connect(); code != kExitOk) return code;
    if (options_.kind != "put") prefill();
    measure();
    return print_result();
  }

 private:
  struct Slot {
    rpc::GrpcClient* client = nullptr;
    Clock::time_point due;  // when its call should have begun: waiting for a free slot counts as latency
    Clock::time_point rests_until;
  };

  bool closed_loop() const { return options_.rate <= 0; }

  int connect() {
    for (const std::string& endpoint : context_.endpoints) {
      Target target;
      if (!parse_target(endpoint, &target))
        return report(context_, kExitUsage, "'" + endpoint + "' is no endpoint",
                      "one looks like http://127.0.0.1:2379");
      targets_.push_back(target);
    }
    etcdserverpb::RangeRequest probe;
    probe.set_key("bench");
    const std::string request = probe.SerializeAsString();
    for (int i = 0; i < options_.connections; ++i) {
      const std::size_t which = static_cast<std::size_t>(i) % targets_.size();
      clients_.push_back(std::make_unique<rpc::GrpcClient>(io_, targets_[which].host, targets_[which].port));
      const rpc::GrpcResult reply =
          rpc::call_and_wait(io_, *clients_.back(), "/etcdserverpb.KV/Range", request, {}, kConnectTimeout);
      if (reply.code != Code::ok)
        return report(context_, kExitUnreachable,
                      "cannot use " + context_.endpoints[which] + ": " + reply.status_message,
                      "is a server running there?", "unreachable");
      io_.restart();
    }
    return kExitOk;
  }

  std::string key_of(std::uint64_t number) const {
    char text[32];
    std::snprintf(text, sizeof text, "bench/%012llu", static_cast<unsigned long long>(number));
    return text;
  }

  const std::string& put_request(std::uint64_t number) {
    put_.set_key(key_of(number));
    put_.set_value(value_);
    put_.SerializeToString(&request_);
    return request_;
  }

  // Reads of keys that do not exist would measure something else.
  void prefill() {
    const std::uint64_t count = std::min(options_.keys, kPrefillMax);
    std::uint64_t next = 0, done = 0;
    std::function<void()> send = [&] {
      if (next == count) return;
      rpc::GrpcClient& client = *clients_[next % clients_.size()];
      client.call("/etcdserverpb.KV/Put", put_request(next++), [&](const rpc::GrpcReply&) {
        if (++done == count) return io_.stop();
        send();
      });
    };
    for (int i = 0; i < 256; ++i) send();
    io_.run_for(std::chrono::seconds(60));
    io_.restart();
  }

  void measure() {
    for (int s = 0; s < options_.streams; ++s)
      for (const auto& client : clients_) slots_.push_back({client.get(), {}, {}});
    start_ = shown_ = Clock::now();
    end_ =
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.seconds));
    for (std::size_t i = slots_.size(); i > 0; --i) idle_.push_back(i - 1);
    boost::asio::steady_timer timer(io_);
    tick(&timer);
    io_.run_until(end_ + kDrainTimeout);
    for (const auto& client : clients_) client->close();
  }

  void tick(boost::asio::steady_timer* timer) {
    const Clock::time_point now = Clock::now();
    std::vector<std::size_t> still_resting;
    for (const std::size_t slot : resting_)
      (slots_[slot].rests_until <= now ? idle_ : still_resting).push_back(slot);
    resting_ = std::move(still_resting);
    feed(now);
    show_progress(now);
    if (now >= end_ && in_flight_ == 0) return io_.stop();
    timer->expires_after(kTick);
    timer->async_wait([this, timer](boost::system::error_code error) {
      if (!error) tick(timer);
    });
  }

  // Gives idle slots what is due.
  void feed(Clock::time_point now) {
    while (!idle_.empty() && now < end_) {
      Clock::time_point due = now;
      if (!closed_loop()) {
        due = start_ + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(static_cast<double>(issued_) / options_.rate));
        if (due > now) return;
      }
      const std::size_t slot = idle_.back();
      idle_.pop_back();
      slots_[slot].due = due;
      issue(slot);
    }
  }

  void issue(std::size_t slot) {
    issued_ += 1;
    in_flight_ += 1;
    const std::uint64_t number = random_.below(options_.keys);
    const bool writes = options_.kind == "put" || (options_.kind == "mixed" && random_.below(2) == 0);
    auto done = [this, slot](const rpc::GrpcReply& reply) { finished(slot, reply); };
    if (writes) {
      slots_[slot].client->call("/etcdserverpb.KV/Put", put_request(number), std::move(done));
      return;
    }
    range_.set_key(key_of(number));
    range_.set_serializable(options_.serializable);
    range_.SerializeToString(&request_);
    slots_[slot].client->call("/etcdserverpb.KV/Range", request_, std::move(done));
  }

  void finished(std::size_t slot, const rpc::GrpcReply& reply) {
    const Clock::time_point now = Clock::now();
    in_flight_ -= 1;
    if (reply.code != Code::ok) {
      errors_[kind_of(reply)] += 1;
      error_count_ += 1;
      slots_[slot].rests_until = now + kPauseAfterError;
      resting_.push_back(slot);
      return;
    }
    if (now <= end_)
      latencies_.record(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now - slots_[slot].due).count()));
    idle_.push_back(slot);
    feed(now);
  }

  void show_progress(Clock::time_point now) {
    if (!context_.err_is_terminal || options_.no_progress || now - shown_ < std::chrono::seconds(1)) return;
    const double seconds = std::chrono::duration<double>(now - shown_).count();
    context_.err << "\r"
                 << static_cast<std::uint64_t>(static_cast<double>(latencies_.count() - shown_count_) /
                                               seconds)
                 << " ops/s, p99 " << latencies_.quantile(0.99) << " us, errors " << error_count_ << "      "
                 << std::flush;
    shown_ = now;
    shown_count_ = latencies_.count();
  }

  int print_result() {
    if (context_.err_is_terminal && !options_.no_progress)
      context_.err << "\r" << std::string(60, ' ') << "\r";
    const auto ops = latencies_.count();
    const double rate = static_cast<double>(ops) / options_.seconds;
    if (options_.json || context_.format == Format::json) {
      context_.out << Json{{"kind", options_.kind},
                           {"connections", options_.connections},
                           {"streams", options_.streams},
                           {"seconds", options_.seconds},
                           {"ops", ops},
                           {"ops_per_second", rate},
                           {"mean_us", latencies_.mean()},
                           {"p50_us", latencies_.quantile(0.5)},
                           {"p90_us", latencies_.quantile(0.9)},
                           {"p99_us", latencies_.quantile(0.99)},
                           {"p999_us", latencies_.quantile(0.999)},
                           {"max_us", latencies_.max()},
                           {"errors", error_count_},
                           {"errors_by_kind", errors_}}
                          .dump()
                   << "\n";
    } else {
      char text[256];
      std::snprintf(text, sizeof text, "%s: %llu operations in %.1f s, %.0f ops/s\n", options_.kind.c_str(),
                    static_cast<unsigned long long>(ops), options_.seconds, rate);
      context_.out << text << "latency us: mean " << static_cast<std::uint64_t>(latencies_.mean()) << ", p50 "
                   << latencies_.quantile(0.5) << ", p90 " << latencies_.quantile(0.9) << ", p99 "
                   << latencies_.quantile(0.99) << ", p99.9 " << latencies_.quantile(0.999) << ", max "
                   << latencies_.max() << "\nerrors: " << error_count_ << "\n";
      for (const auto& [kind, count] : errors_) context_.out << "  " << count << "  " << kind << "\n";
    }
    return ops > 0 ? kExitOk : kExitUnreachable;
  }

  const Context& context_;
  const BenchOptions& options_;
  boost::asio::io_context io_;
  Prng random_;
  std::vector<Target> targets_;
  std::vector<std::unique_ptr<rpc::GrpcClient>> clients_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> idle_, resting_;
  std::string value_, request_;
  etcdserverpb::PutRequest put_;
  etcdserverpb::RangeRequest range_;
  Clock::time_point start_, end_, shown_;
  std::uint64_t issued_ = 0, in_flight_ = 0, shown_count_ = 0, error_count_ = 0;
  std::map<std::string, std::uint64_t> errors_;
  Histogram latencies_;
};

}  // namespace

int bench(const Context& context, const BenchOptions& options) { return Load(context, options).run(); }

}  // namespace cairn::cli
