// watch: the changes of keys as they happen, a line each; or a command for each of them.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ostream>
#include <utility>

#include "base/percent.h"
#include "base/result.h"
#include "cli/changes.h"
#include "cli/commands.h"

namespace cairn::cli {
namespace {

constexpr std::chrono::seconds kWait{30};

// Bytes that no variable can hold are in the other one.
void set(const std::string& name, const std::string& bytes) {
  setenv((name + "_BASE64").c_str(), base64_encode(bytes).c_str(), 1);
  if (bytes.find('\0') == std::string::npos) setenv(name.c_str(), bytes.c_str(), 1);
}

// In the child: the change in its environment, the value on its standard input.
[[noreturn]] void become(const std::vector<std::string>& command, const client::Change& change, int input) {
  setenv("CAIRN_WATCH_TYPE", type_of(change), 1);
  setenv("CAIRN_WATCH_REVISION", std::to_string(change.now.mod_revision).c_str(), 1);
  set("CAIRN_WATCH_KEY", change.now.key);
  dup2(input, STDIN_FILENO);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  signal(SIGPIPE, SIG_DFL);
  execvp(words[0], words.data());
  const std::string why = "error: cannot run '" + command[0] + "': " + std::strerror(errno) + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, why.data(), why.size());
  _exit(127);
}

void feed(int to, const std::string& value) {
  for (std::size_t at = 0; at < value.size();) {
    const ssize_t wrote = ::write(to, value.data() + at, value.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) break;  // it does not want to know
    at += static_cast<std::size_t>(wrote);
  }
  ::close(to);
}

// Its exit status; 127: there is no such command.
Result<int> run(const std::vector<std::string>& command, const client::Change& change) {
  int ends[2];
  if (pipe(ends) != 0)
    return fail(Code::resource_exhausted, std::string("cannot run a command: ") + std::strerror(errno));
  const pid_t child = fork();
  if (child < 0)
    return fail(Code::resource_exhausted, std::string("cannot run a command: ") + std::strerror(errno));
  if (child == 0) {
    ::close(ends[1]);
    become(command, change, ends[0]);
  }
  ::close(ends[0]);
  const auto ignored = signal(SIGPIPE, SIG_IGN);
  feed(ends[1], change.now.value);
  signal(SIGPIPE, ignored);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Each by itself, and the next one when it has ended.
int run_all(const Context& context, const WatchOptions& options, const client::Change& change) {
  context.out << std::flush;
  const Result<int> status = run(options.command, change);
  if (!status) return report(context, kExitLocalIo, status.error().message);
  if (*status == 0) return kExitOk;
  if (*status == 127)
    return report(context, kExitLocalIo, "the command '" + options.command[0] + "' cannot be run");
  context.err << "note: the command ended with status " << *status << " for revision "
              << change.now.mod_revision << "\n";
  return kExitOk;
}

client::WatchOptions asked(const WatchOptions& options) {
  client::WatchOptions what{.key = options.key,
                            .prefix = options.prefix,
                            .to = options.to,
                            .from_revision = options.revision,
                            .previous = options.previous};
  if (options.only == "put") what.only = client::Only::puts;
  if (options.only == "delete") what.only = client::Only::deletions;
  return what;
}

}  // namespace

int watch(const Context& context, const WatchOptions& options) {
  if (options.prefix && options.to)
    return report(context, kExitUsage,
                  "watch: --prefix and --to are two ways to say which keys: give one of them",
                  "cairn help watch");
  client::Client client = context.connect();
  client::Watch watch(client, asked(options));
  bool was_answered = false, is_lost = false;
  for (std::int64_t left = options.count; context.out;) {
    const auto changes = watch.next(kWait);
    if (!changes) {
      const bool may_come_back = changes.error().reason == client::Reason::unavailable ||
                                 changes.error().reason == client::Reason::timeout ||
                                 changes.error().reason == client::Reason::unreachable;
      if (!was_answered || !may_come_back) return report(context, changes.error());
      if (!std::exchange(is_lost, true))
        context.err << "note: no member answers (" << changes.error().message
                    << "); watching on as soon as one does, from revision " << watch.from_revision() << "\n";
      continue;
    }
    was_answered = true;
    if (std::exchange(is_lost, false)) context.err << "note: answered again\n";
    for (const client::Change& change : changes->changes) {
      if (options.command.empty()) {
        print(context, change);
      } else if (const int code = run_all(context, options, change); code != kExitOk) {
        return code;
      }
      if (options.count > 0 && --left == 0) return kExitOk;
    }
  }
  return kExitOk;
}

}  // namespace cairn::cli
