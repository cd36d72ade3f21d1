// bench: load through etcd's v3 gRPC API, so that the same tool measures Cairn and etcd.
#include <fstream>
#include <ostream>

#include "cli/commands.h"
#include "cli/json.h"
#include "load/session.h"

namespace cairn::cli {
namespace {

class Bench {
 public:
  Bench(const Context& context, const load::Options& options)
      : context_(context), options_(with_tls(options, context)), session_(context.endpoints, options_) {}

  int run() {
    if (const std::string problem = session_.open(); !problem.empty())
      return report(context_, kExitUnreachable, problem, "is a server running there?", "unreachable");
    if (options_.kind == "fill") return filled();
    if (session_.lacks_keys()) session_.fill(progress("keys/s"));
    if (const std::string problem = session_.prepare(); !problem.empty())
      return report(context_, kExitUnreachable, problem, "ask fewer of this server, or see its log");
    say_what_stands();
    const load::Figures figures = session_.measure(progress("ops/s"));
    session_.close();
    clear_line();
    if (!options_.record.empty() && !write_record(session_.take_record()))
      return report(context_, kExitLocalIo, "cannot write --record " + options_.record,
                    "check the path and the free space");
    print(figures, figures.in_time);
    // Idle and stalled watches bring nothing.
    return figures.in_time > 0 || (options_.kind == "watch" && figures.error_count == 0) ? kExitOk
                                                                                         : kExitUnreachable;
  }

 private:
  int filled() {
    const load::Figures figures = session_.fill(progress("keys/s"));
    session_.close();
    clear_line();
    print(figures, options_.keys);
    return kExitOk;
  }

  // Whoever starts another load beside this one waits for that.
  void say_what_stands() {
    if (options_.kind == "watch") context_.err << options_.watches << " watches stand" << std::endl;
    if (options_.kind == "keep-alive")
      context_.err << options_.connections * options_.streams << " leases are granted" << std::endl;
  }

  load::Progress progress(const char* unit) {
    if (!context_.err_is_terminal || options_.no_progress) return nullptr;
    return [this, unit](double rate, std::uint64_t p99_us, std::uint64_t errors) {
      context_.err << "\r\033[K" << static_cast<std::uint64_t>(rate) << ' ' << unit << ", p99 " << p99_us
                   << " us, errors " << errors << std::flush;
    };
  }

  void clear_line() {
    if (context_.err_is_terminal && !options_.no_progress) context_.err << "\r\033[K" << std::flush;
  }

  bool write_record(const load::Record& record) {
    std::ofstream file(options_.record, std::ios::binary | std::ios::trunc);
    file << "start_us,latency_us,outcome\n";
    for (const load::Line& line : record.lines)
      file << record.start_unix_us + line.due_us << ',' << line.latency_us << ','
           << (line.outcome == 0 ? "ok" : "\"" + record.outcomes[line.outcome - 1] + "\"") << '\n';
    return file.flush().good();
  }

  void print(const load::Figures& figures, std::uint64_t operations) {
    const double rate = static_cast<double>(operations) / figures.seconds;
    if (options_.json || context_.format == Format::json) return print_json(figures, operations, rate);
    const load::Histogram& all = figures.latencies;
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

  void print_json(const load::Figures& figures, std::uint64_t operations, double rate) {
    const load::Histogram& all = figures.latencies;
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

  static load::Options with_tls(load::Options options, const Context& context) {
    options.tls = context.tls;
    return options;
  }

  const Context& context_;
  const load::Options options_;
  load::Session session_;
};

}  // namespace

int bench(const Context& context, const load::Options& options) { return Bench(context, options).run(); }

}  // namespace cairn::cli
