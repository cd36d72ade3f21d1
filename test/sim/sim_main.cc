// cairn_sim: runs seeds of the cluster simulation. What it prints is what a bug report needs: the seed, the
// options it drew, the first violation, the last events, and the command that does it again.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/reached.h"
#include "sim/cluster.h"
#include "sim/coverage.h"

namespace cairn::sim {
namespace {

struct Arguments {
  std::vector<std::uint64_t> seeds;
  std::uint64_t jobs = 1;
  bool trace = false, twice = false, stop = false;
  std::string coverage;  // path of the points that no simulation can reach; empty: no table
};

constexpr std::string_view kCoverage = "--coverage=";
constexpr const char* kUsage =
    "cairn_sim: whole Cairn clusters in one thread, by seed\n"
    "  --seed N [--trace]                  one run, with every event\n"
    "  --seeds N [--first M] [--jobs J]    N runs from seed M (1), J at a time\n"
    "  --file PATH                         the seeds listed in a file, one a line, # begins a comment\n"
    "  --twice                             every seed twice: equal trace hashes?\n"
    "  --stop                              at the first seed that fails\n"
    "  --coverage=PATH                     how many seeds came by each point worth reaching; fails when none "
    "did,\n"
    "                                      but for the points that PATH says are beyond simulation\n";

// A CHECK of the program under test ends the process: say which run that was.
thread_local const Cluster* running = nullptr;

void report(const Cluster& cluster, const std::string& violation) {
  const Options& options = cluster.world().options;
  std::printf("\nthe last events:\n");
  cluster.world().trace.print(stdout);
  std::printf("\noptions:%s\n\nFAILED seed %llu: %s\nagain: cairn_sim --seed %llu --trace\n",
              describe(options).c_str(), static_cast<unsigned long long>(options.seed), violation.c_str(),
              static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
}

void on_abort(int) {
  if (running != nullptr) report(*running, "the program under test stopped itself (a CHECK, see above)");
}

// The best that can be done with a program that broke: a second fault ends it.
void on_fault(int signal) {
  std::signal(signal, SIG_DFL);
  if (running != nullptr)
    report(*running, "the program under test crashed: " + std::string(strsignal(signal)));
  std::raise(signal);
}

RunResult run_seed(std::uint64_t seed, bool trace) {
  static std::mutex printing;
  Cluster cluster(draw_options(seed), trace ? stdout : nullptr);
  running = &cluster;
  RunResult result = cluster.run();
  running = nullptr;
  if (!result.violation.empty()) {
    const std::lock_guard lock(printing);
    report(cluster, result.violation);
  }
  return result;
}

class Runner {
 public:
  explicit Runner(const Arguments& arguments) : arguments_(arguments) {}

  int run() {
    if (!arguments_.coverage.empty()) {
      if (const Status read = coverage_.read_exceptions(arguments_.coverage); !read) {
        std::fprintf(stderr, "cairn_sim: %s\n", read.error().message.c_str());
        return 2;
      }
    }
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < arguments_.jobs; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    print_totals(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    const bool all_reached = arguments_.coverage.empty() || coverage_.print();
    return failed_.empty() && all_reached ? 0 : 1;
  }

 private:
  void work() {
    for (;;) {
      const std::size_t i = next_++;
      if (i >= arguments_.seeds.size() || (arguments_.stop && has_failed())) return;
      const std::uint64_t seed = arguments_.seeds[i];
      const RunResult result = [&] {
        const ReachedHere here;
        RunResult run = run_seed(seed, arguments_.trace);
        coverage_.add(seed, here.names());
        return run;
      }();
      bool good = result.violation.empty();
      if (arguments_.twice && run_seed(seed, false).trace_hash != result.trace_hash) {
        std::printf("\nFAILED seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
        good = false;
      }
      add(seed, result, good);
    }
  }

  bool has_failed() {
    const std::lock_guard lock(mutex_);
    return !failed_.empty();
  }

  void add(std::uint64_t seed, const RunResult& result, bool good) {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (!good) failed_.push_back(seed);
    events_ += result.events;
    virtual_seconds_ += std::chrono::duration<double>(result.virtual_time).count();
    counters_.add(result.counters);
    if (isatty(STDOUT_FILENO) != 0) {
      std::printf("\r%zu of %zu seeds, %zu failed ", done_, arguments_.seeds.size(), failed_.size());
      std::fflush(stdout);
    }
  }

  void print_totals(double seconds) const {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    const Counters& c = counters_;
    std::printf("\nseeds %zu, failed %zu\n", done_, failed_.size());
    std::printf("virtual time %.0f s in %.1f s (%.0f times real time), %.2f M events (%.2f M a second)\n",
                virtual_seconds_, seconds, virtual_seconds_ / seconds, static_cast<double>(events_) / 1e6,
                static_cast<double>(events_) / 1e6 / seconds);
    std::printf(
        "elections %llu, crashes %llu, recoveries %llu, partitions %llu, pauses %llu, disk stalls %llu, "
        "full disks %llu (asked for room in vain %llu times), transfers %llu\n",
        n(c.elections), n(c.crashes), n(c.recoveries), n(c.partitions), n(c.pauses), n(c.stalls),
        n(c.full_disks), n(c.shortages), n(c.transfers));
    std::printf(
        "directories damaged %llu, members that forgot %llu, taken in again %llu, I/O errors %llu, "
        "disks exchanged %llu, writes gone %llu, lies told %llu (refused %llu)\n"
        "changes of members: asked for %llu, made %llu, refused %llu\n",
        n(c.damages), n(c.forgotten), n(c.taken_in), n(c.io_errors), n(c.swaps), n(c.writes_gone), n(c.lies),
        n(c.lies_refused), n(c.membership_asked), n(c.membership_made), n(c.membership_refused));
    std::printf("leases: writes and keep-alives asked for %llu, kept alive %llu, expired %llu\n",
                n(c.lease_calls), n(c.leases_kept), n(c.leases_expired));
    std::printf("entries committed %llu, log writes %llu, snapshots saved %llu, installed %llu\n",
                n(c.committed), n(c.log_writes), n(c.snapshots_saved), n(c.snapshots_installed));
    std::printf(
        "client requests %llu, answered %llu, tries refused %llu; histories searched %llu, of these given up "
        "%llu\n",
        n(c.requests), n(c.answered), n(c.refused), n(c.searched), n(c.search_unknown));
    std::printf(
        "writes asked for while none was acknowledged %llu, longest wait for a healthy majority %llu %% "
        "of what is allowed; most events in a seed %llu\n",
        n(c.pulses), n(c.longest_wait_percent), n(c.most_events));
    for (const std::uint64_t seed : failed_) std::printf("FAILED seed %llu\n", n(seed));
    if (arguments_.twice && failed_.empty()) std::printf("every seed ran twice with equal traces\n");
  }

  const Arguments arguments_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::size_t done_ = 0;
  std::vector<std::uint64_t> failed_;
  std::uint64_t events_ = 0;
  double virtual_seconds_ = 0;
  Counters counters_;
  Coverage coverage_;
};

bool read_seeds(const char* path, std::vector<std::uint64_t>* seeds) {
  std::ifstream in(path);
  if (!in) return false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::uint64_t seed = 0; words >> seed;) seeds->push_back(seed);
  }
  return true;
}

bool parse(int argc, char** argv, Arguments* arguments) {
  std::uint64_t first = 1, count = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag.starts_with(kCoverage)) {
      arguments->coverage = flag.substr(kCoverage.size());
      continue;
    }
    if (flag == "--trace" || flag == "--twice" || flag == "--stop") {
      (flag == "--trace" ? arguments->trace : flag == "--twice" ? arguments->twice : arguments->stop) = true;
      continue;
    }
    if (++i == argc) return false;
    if (flag == "--file") {
      if (!read_seeds(argv[i], &arguments->seeds)) return false;
      continue;
    }
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(argv[i], &end, 10);
    if (*end != '\0') return false;
    if (flag == "--seed") {
      arguments->seeds.push_back(value);
    } else if (flag == "--seeds") {
      count = value;
    } else if (flag == "--first") {
      first = value;
    } else if (flag == "--jobs") {
      arguments->jobs = value;
    } else {
      return false;
    }
  }
  for (std::uint64_t seed = first; seed < first + count; ++seed) arguments->seeds.push_back(seed);
  return arguments->jobs > 0;
}

}  // namespace
}  // namespace cairn::sim

int main(int argc, char** argv) {
  cairn::sim::Arguments arguments;
  if (argc < 2 || !cairn::sim::parse(argc, argv, &arguments)) {
    std::fputs(cairn::sim::kUsage, stderr);
    return 2;
  }
  std::signal(SIGABRT, cairn::sim::on_abort);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, cairn::sim::on_fault);
  return cairn::sim::Runner(arguments).run();
}
