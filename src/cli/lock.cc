// lock and elect: a place in a queue, for as long as this process lives and reaches the cluster.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "client/lease.h"

namespace cairn::cli {
namespace {

using client::KeptLease;
using client::Turn;
using std::chrono::milliseconds;

constexpr milliseconds kSlice{1000};       // of waiting: then it is seen whether anybody interrupts
constexpr std::chrono::seconds kGrace{5};  // for a command to end by itself

// What this process holds; given back at its end, whatever ends it.
struct Held {
  Held(const Context& context, std::chrono::seconds ttl) : client(context.connect()), ttl_(ttl) {}
  ~Held() {
    if (!lease || is_lost) return;
    // Somebody may have written the key without its lease.
    if (turn) static_cast<void>(client.del(turn->key()));
    static_cast<void>(client.revoke_lease(lease->id()));
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  std::optional<client::Error> begin(const std::string& name, const std::string& value) {
    const auto asked_at = client.now();
    const auto granted = client.grant_lease(ttl_);
    if (!granted) return granted.error();
    lease.emplace(client, *granted, asked_at);
    turn.emplace(client, name, granted->id, value);
    const auto entered = turn->enter();
    if (!entered) return entered.error();
    return std::nullopt;
  }
  std::optional<client::Error> keep() {
    std::optional<client::Error> error = lease->keep();
    is_lost = error.has_value();
    return error;
  }

  Interrupts interrupts;
  client::Client client;
  std::optional<KeptLease> lease;
  std::optional<Turn> turn;
  bool is_lost = false;

 private:
  const std::chrono::seconds ttl_;
};

int report_lost(const Context& context, client::Error error) {
  error.message = "the lease is lost, and with it what it stood for: " + error.message;
  return report(context, error);
}

bool is_interrupt(int signal) { return signal == SIGINT || signal == SIGTERM; }

// kExitOk: it is first.
int wait_for_turn(const Context& context, Held* held) {
  for (;;) {
    const auto first = held->turn->wait(kSlice);
    if (const auto error = held->keep()) return report_lost(context, *error);
    if (!first && first.error().code == "turn_lost") return report_lost(context, first.error());
    if (first && *first) return kExitOk;
    if (is_interrupt(held->interrupts.wait(first ? milliseconds(0) : kSlice))) return kExitInterrupted;
  }
}

// Until somebody interrupts, or a child has ended: its signal. An error: the lease is lost.
client::Answer<int> hold(Held* held) {
  for (;;) {
    if (auto error = held->keep()) return *std::move(error);
    const auto left = std::chrono::ceil<milliseconds>(held->lease->due() - held->client.now());
    if (const int signal = held->interrupts.wait(left); signal != 0) return signal;
  }
}

// The process of the command; -1: there is none.
pid_t start(const std::vector<std::string>& command, const Held& held) {
  setenv("CAIRN_LOCK_KEY", held.turn->key().c_str(), 1);
  setenv("CAIRN_LOCK_REVISION", std::to_string(held.turn->revision()).c_str(), 1);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  held.interrupts.restore();
  execvp(words[0], words.data());
  const std::string why = "error: cannot run '" + command[0] + "': " + std::strerror(errno) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, why.data(), why.size());
  _exit(127);
}

int status_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

// Asks it to end, and sees to it.
void end(pid_t child, Interrupts* interrupts) {
  int status = 0;
  kill(child, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kGrace;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left > milliseconds(0)) {
      interrupts->wait(left);
    } else {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return;
    }
  }
}

int run(const Context& context, const std::vector<std::string>& command, Held* held) {
  context.out << std::flush;
  const pid_t child = start(command, *held);
  if (child < 0)
    return report(context, kExitLocalIo, std::string("cannot run a command: ") + std::strerror(errno));
  for (;;) {
    const auto signal = hold(held);
    if (!signal) {
      const int code = report_lost(context, signal.error());
      end(child, &held->interrupts);
      return code;
    }
    if (is_interrupt(*signal)) kill(child, *signal);
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return status_of(status);
  }
}

void print_key(const Context& context, const Held& held) {
  if (context.format == Format::json)
    context.out
        << Json{{"key", bytes_to_json(held.turn->key())}, {"create_revision", held.turn->revision()}}.dump();
  else
    context.out << printable(held.turn->key());
  context.out << "\n" << std::flush;
}

// Waits for its turn, and keeps it.
int stand(const Context& context, const std::string& name, const std::string& value, std::int64_t ttl,
          const std::vector<std::string>& command) {
  Held held(context, std::chrono::seconds(ttl));
  if (const auto error = held.begin(name, value)) return report(context, *error);
  if (const int code = wait_for_turn(context, &held); code != kExitOk) return code;
  if (!command.empty()) return run(context, command, &held);
  print_key(context, held);
  for (;;) {
    const auto signal = hold(&held);
    if (!signal) return report_lost(context, signal.error());
    if (is_interrupt(*signal)) return kExitOk;
  }
}

// What a leader says, and its end; of the candidates only when nobody leads.
client::WatchOptions news_after(const client::Holder& leads, const std::string& name) {
  client::WatchOptions what;
  what.key = leads.kv ? leads.kv->key : name + "/";
  what.prefix = !leads.kv;
  what.from_revision = leads.revision + 1;
  return what;
}

// Who leads, and whenever that changes; nobody is nothing to print.
int listen(const Context& context, const std::string& name) {
  client::Client client = context.connect();
  for (std::int64_t told = 0; context.out;) {
    const auto leads = client::holder(client, name);
    if (!leads) return report(context, leads.error());
    if (leads->kv && leads->kv->mod_revision != told) {
      told = leads->kv->mod_revision;
      if (context.format == Format::json)
        context.out << kv_to_json(*leads->kv).dump() << "\n" << std::flush;
      else
        context.out << printable(leads->kv->key) << "\t" << printable(leads->kv->value) << "\n" << std::flush;
    }
    client::Watch watch(client, news_after(*leads, name));
    for (bool waits = true; waits && context.out;) {
      const auto changes = watch.next();
      waits = changes ? changes->changes.empty() : changes.error().reason != client::Reason::compacted;
      const bool may_come_back = changes || changes.error().reason == client::Reason::unavailable ||
                                 changes.error().reason == client::Reason::timeout ||
                                 changes.error().reason == client::Reason::unreachable ||
                                 changes.error().reason == client::Reason::compacted;
      if (!may_come_back) return report(context, changes.error());
    }
  }
  return kExitOk;
}

}  // namespace

int lock(const Context& context, const LockOptions& options) {
  return stand(context, options.name, "", options.ttl_seconds, options.command);
}

int elect(const Context& context, const ElectOptions& options) {
  if (options.listen == options.value.has_value())
    return report(context, kExitUsage,
                  options.listen ? "elect: who listens has no VALUE" : "elect: give a VALUE, or --listen",
                  "cairn help elect");
  return options.listen ? listen(context, options.name)
                        : stand(context, options.name, *options.value, options.ttl_seconds, {});
}

}  // namespace cairn::cli
