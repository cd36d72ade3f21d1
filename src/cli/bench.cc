// bench: load through etcd's v3 gRPC API, so that the same tool measures Cairn and etcd.
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <ostream>

#include "cli/bench_connections.h"
#include "cli/bench_load.h"
#include "cli/bench_workload.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "proto/rpc.pb.h"

namespace cairn::cli {
namespace {

constexpr int kFillInFlight = 16;  // calls of up to a hundred puts each
constexpr auto kCountTimeout = std::chrono::seconds(60);

class Bench {
 public:
  Bench(const Context& context, const BenchOptions& options)
      : context_(context), options_(options), workload_(options), connections_(io_, context.endpoints) {}

  int run() {
    if (const std::string problem = connections_.open(options_.connections); !problem.empty())
      return report(context_, kExitUnreachable, problem, "is a server running there?", "unreachable");
    if (options_.kind == "fill") return filled();
    // Reads of keys that do not exist would measure something else.
    if (workload_.needs_keys() && !has_keys()) fill();
    BenchLoad load(io_, connections_, measured_plan());
    const BenchFigures figures = load.run();
    connections_.close();
    clear_line();
    if (!options_.record.empty() && !write_record(load))
      return report(context_, kExitLocalIo, "cannot write --record " + options_.record,
                    "check the path and the free space");
    print(figures, figures.in_time);
    return figures.in_time > 0 ? kExitOk : kExitUnreachable;
  }

 private:
  int filled() {
    const BenchFigures figures = fill();
    connections_.close();
    clear_line();
    print(figures, options_.keys);
    return kExitOk;
  }

  bool has_keys() {
    const BenchWorkload::Call call = workload_.count();
    const rpc::GrpcResult result =
        rpc::call_and_wait(io_, connections_.alive(0), call.path, call.request, {}, kCountTimeout);
    etcdserverpb::RangeResponse response;
    return result.code == Code::ok && response.ParseFromString(result.message) &&
           static_cast<std::uint64_t>(response.count()) == options_.keys;
  }

  BenchLoad::Progress progress(double keys_a_call) {
    if (!context_.err_is_terminal || options_.no_progress) return nullptr;
    return [this, keys_a_call](double rate, std::uint64_t p99_us, std::uint64_t errors) {
      context_.err << "\r\033[K" << static_cast<std::uint64_t>(rate * keys_a_call)
                   << (keys_a_call > 1 ? " keys/s, p99 " : " ops/s, p99 ") << p99_us << " us, errors "
                   << errors << std::flush;
    };
  }

  void clear_line() {
    if (context_.err_is_terminal && !options_.no_progress) context_.err << "\r\033[K" << std::flush;
  }

  BenchFigures fill() {
    BenchLoad::Plan plan;
    plan.call = [this](std::uint64_t number) { return workload_.fill(number); };
    plan.calls = workload_.fill_calls();
    const auto connections = static_cast<int>(connections_.size());
    plan.streams = std::max(1, kFillInFlight / connections);
    plan.progress = progress(static_cast<double>(options_.keys) / static_cast<double>(plan.calls));
    return BenchLoad(io_, connections_, std::move(plan)).run();
  }

  BenchLoad::Plan measured_plan() {
    BenchLoad::Plan plan;
    plan.call = [this](std::uint64_t) { return workload_.next(); };
    plan.streams = options_.streams;
    plan.rate = options_.rate;
    plan.seconds = options_.seconds;
    plan.record = !options_.record.empty();
    plan.progress = progress(1);
    return plan;
  }

  bool write_record(const BenchLoad& load) {
    std::ofstream file(options_.record, std::ios::binary | std::ios::trunc);
    file << "start_us,latency_us,outcome\n";
    for (const BenchLine& line : load.lines())
      file << load.start_unix_us() + line.due_us << ',' << line.latency_us << ','
           << (line.outcome == 0 ? "ok" : "\"" + load.outcomes()[line.outcome - 1] + "\"") << '\n';
    return file.flush().good();
  }

  void print(const BenchFigures& figures, std::uint64_t operations) {
    const double rate = static_cast<double>(operations) / figures.seconds;
    if (options_.json || context_.format == Format::json) return print_json(figures, operations, rate);
    const Histogram& all = figures.latencies;
    context_.out << options_.kind << ": " << operations
                 << (options_.kind == "fill" ? " keys in " : " operations in ") << figures.seconds << " s, "
                 << static_cast<std::uint64_t>(rate) << " a second\nlatency us: mean "
                 << static_cast<std::uint64_t>(all.mean()) << ", p50 " << all.quantile(0.5) << ", p90 "
                 << all.quantile(0.9) << ", p99 " << all.quantile(0.99) << ", p99.9 " << all.quantile(0.999)
                 << ", max " << all.max() << "\nerrors: " << figures.error_count << "\n";
    for (const auto& [kind, count] : figures.errors) context_.out << "  " << count << "  " << kind << "\n";
    if (figures.unsent > 0)
      context_.out << "never sent, because all streams were busy: " << figures.unsent << "\n";
  }

  void print_json(const BenchFigures& figures, std::uint64_t operations, double rate) {
    const Histogram& all = figures.latencies;
    const double calls = static_cast<double>(std::max<std::uint64_t>(1, operations));
    context_.out << Json{{"kind", options_.kind},
                         {"connections", options_.connections},
                         {"streams", options_.streams},
                         {"keys", options_.keys},
                         {"value_bytes", options_.value_bytes},
                         {"rate", options_.rate},
                         {"seconds", figures.seconds},
                         {"ops", operations},
                         {"ops_per_second", rate},
                         {"mean_us", all.mean()},
                         {"p50_us", all.quantile(0.5)},
                         {"p90_us", all.quantile(0.9)},
                         {"p99_us", all.quantile(0.99)},
                         {"p999_us", all.quantile(0.999)},
                         {"max_us", all.max()},
                         {"errors", figures.error_count},
                         {"errors_by_kind", figures.errors},
                         {"unsent", figures.unsent},
                         {"client_cpu_us_per_op", figures.client_cpu_seconds * 1e6 / calls}}
                        .dump()
                 << "\n";
  }

  const Context& context_;
  const BenchOptions& options_;
  boost::asio::io_context io_;
  BenchWorkload workload_;
  BenchConnections connections_;
};

}  // namespace

int bench(const Context& context, const BenchOptions& options) { return Bench(context, options).run(); }

}  // namespace cairn::cli
