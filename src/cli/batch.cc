// batch: operations from a file or standard input, one JSON object a line, as few transactions as fit.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <istream>
#include <ostream>
#include <random>
#include <set>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json.h"

namespace cairn::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kGroupBytesMax = std::size_t{768} << 10;  // well below what one request may carry
constexpr std::size_t kLineBytesMax = std::size_t{4} << 20;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string fresh_id() {
  std::random_device device;
  return "batch-" + std::to_string(std::uint64_t{device()} << 32 | device());
}

// Null when it is none. A name twice could mean either value: then `twice` is set.
Json parse_line(const std::string& line, std::string* twice) {
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto note = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
      *twice = parsed.get<std::string>();
    return true;
  };
  return Json::parse(line, note, false);
}

// Why the line is no operation; "" when it is one.
std::string read_operation(const std::string& line, client::Operation* into) {
  if (line.size() > kLineBytesMax) return "is longer than 4 MiB";
  std::string twice;
  const Json json = parse_line(line, &twice);
  if (!json.is_object()) return "is not a JSON object";
  if (!twice.empty()) return "has \"" + twice + "\" twice";
  const bool from_list = !json.contains("op") && json.contains("mod_revision");  // a line of ls -l -w json
  if (!from_list && (!json.contains("op") || !json["op"].is_string())) return "has no \"op\"";
  const std::string kind = from_list ? "put" : json["op"].get<std::string>();
  if (kind != "put" && kind != "del" && kind != "delete")
    return "has the unknown op '" + kind + "': put or del";
  into->kind = kind == "put" ? client::Operation::Kind::put : client::Operation::Kind::del;
  for (const auto& member : json.items()) {
    const std::string& name = member.key();
    // What a list says beside is what the pair was where it came from: written anew, it has its own.
    const bool is_listed =
        from_list && (name == "create_revision" || name == "mod_revision" || name == "version");
    const bool is_known = name == "op" || name == "key" || (kind == "put" && name == "value");
    if (!is_known && !is_listed) return "has \"" + name + "\", which a " + kind + " does not know";
  }
  if (!json.contains("key") || !bytes_from_json(json["key"], &into->key)) return "has no \"key\"";
  if (into->key.empty()) return "has an empty key";
  if (kind == "put" && (!json.contains("value") || !bytes_from_json(json["value"], &into->value)))
    return from_list ? "has no \"value\": cairn ls -l -w json lists values, too" : "has no \"value\"";
  return "";
}

class Batch {
 public:
  Batch(const Context& context, const BatchOptions& options)
      : context_(context),
        client_(context.connect()),
        id_(options.id.empty() ? fresh_id() : options.id),
        progress_(context.err_is_terminal && !options.no_progress) {}

  int run() {
    std::string line;
    for (std::uint64_t number = 1; std::getline(context_.in, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      client::Operation operation;
      const std::string wrong = read_operation(line, &operation);
      if (!wrong.empty())
        return report(
            context_, kExitUsage, "line " + std::to_string(number) + " " + wrong,
            R"(a line is {"op":"put","key":"a","value":"1"} or {"op":"del","key":"a"}; )" + written_so_far());
      // One transaction writes a key once, so a second write of it starts the next.
      const std::size_t bytes = operation.key.size() + operation.value.size();
      if (group_.size() == client::kBatchOperationsMax || group_bytes_ + bytes > kGroupBytesMax ||
          keys_.count(operation.key) != 0) {
        if (const int code = send(); code != kExitOk) return code;
      }
      keys_.insert(operation.key);
      group_bytes_ += bytes;
      group_.push_back(std::move(operation));
    }
    if (const int code = send(); code != kExitOk) return code;
    if (context_.in.bad())  // a folder, a disk that fails: what follows is not known
      return report(context_, kExitLocalIo, "the input could not be read to its end", written_so_far());
    print_summary();
    return kExitOk;
  }

 private:
  int send() {
    if (group_.empty()) return kExitOk;
    const auto start = Clock::now();
    const auto written = client_.batch(group_, id_ + "-" + std::to_string(transactions_));
    silence_ = std::max(silence_, seconds_since(start));
    if (!written) {
      client::Error error = written.error();
      if (!error.idempotency_key.empty()) error.idempotency_key = id_;
      return report(context_, error, written_so_far());
    }
    transactions_ += 1;
    operations_ += group_.size();
    bytes_ += group_bytes_;
    revision_ = written->revision;
    group_.clear();
    keys_.clear();
    group_bytes_ = 0;
    show_progress();
    return kExitOk;
  }

  std::string written_so_far() const {
    return std::to_string(operations_) + (operations_ == 1 ? " operation is" : " operations are") +
           " written; the same input with --id " + id_ + " writes none of them twice";
  }

  void show_progress() {
    if (!progress_ || seconds_since(shown_) < 0.1) return;
    shown_ = Clock::now();
    context_.err << "\r" << operations_ << " operations, " << (bytes_ >> 10) << " KiB, "
                 << static_cast<int>(static_cast<double>(operations_) / seconds_since(start_)) << "/s   "
                 << std::flush;
  }

  void print_summary() {
    if (progress_) context_.err << "\r" << std::string(60, ' ') << "\r";
    const double seconds = seconds_since(start_);
    if (context_.format == Format::json) {
      context_.out << Json{{"operations", operations_}, {"transactions", transactions_},
                           {"bytes", bytes_},           {"revision", revision_},
                           {"seconds", seconds},        {"longest_silence_seconds", silence_}}
                          .dump()
                   << "\n";
      return;
    }
    char text[256];
    std::snprintf(
        text, sizeof text,
        "%llu operation%s in %llu transaction%s, %llu bytes, %.3f s, longest silence %.3f s, revision %lld\n",
        static_cast<unsigned long long>(operations_), operations_ == 1 ? "" : "s",
        static_cast<unsigned long long>(transactions_), transactions_ == 1 ? "" : "s",
        static_cast<unsigned long long>(bytes_), seconds, silence_, static_cast<long long>(revision_));
    context_.out << text;
  }

  const Context& context_;
  client::Client client_;
  const std::string id_;
  const bool progress_;
  std::vector<client::Operation> group_;
  std::set<std::string> keys_;
  std::size_t group_bytes_ = 0;
  std::uint64_t operations_ = 0, transactions_ = 0, bytes_ = 0;
  std::int64_t revision_ = 0;
  double silence_ = 0;
  Clock::time_point start_ = Clock::now(), shown_ = start_;
};

}  // namespace

int batch(const Context& context, const BatchOptions& options) {
  if (options.file.empty() || options.file == "-") return Batch(context, options).run();
  std::ifstream file;
  if (const Status opened = open_input(options.file, &file); !opened)
    return report(context, kExitLocalIo, opened.error().message, "nothing is written");
  const Context of_file{file,
                        context.out,
                        context.err,
                        context.out_is_terminal,
                        context.err_is_terminal,
                        context.endpoints,
                        context.timeout,
                        context.format,
                        context.args,
                        context.backups,
                        context.tls};
  return Batch(of_file, options).run();
}

}  // namespace cairn::cli
