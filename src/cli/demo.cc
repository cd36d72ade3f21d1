// demo: a cluster to try things on, told as a story.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <ostream>
#include <thread>

#include "cli/ask_all.h"
#include "cli/commands.h"
#include "cli/demo_cluster.h"
#include "cli/demo_watch.h"
#include "cli/fit.h"
#include "cli/own_program.h"
#include "io/port_holder.h"

namespace cairn::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kStartTimeout = std::chrono::seconds(15);
constexpr auto kProbeTimeout = std::chrono::milliseconds(500);
constexpr auto kLookTimeout = std::chrono::milliseconds(300);  // who hangs delays the look at all others

// Signals wait until they are asked for, so that nothing is left behind half done.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1}) sigaddset(&set, each);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return set;
}

// As a user would type it.
std::string shown_program() {
  std::error_code error;
  const std::string program = own_program();
  const std::string shown = std::filesystem::relative(program, error).string();
  return error || shown.compare(0, 2, "..") == 0 ? program
         : shown.find('/') == std::string::npos  ? "./" + shown
                                                 : shown;
}

// So that `cairn` in a command means this program.
std::string path_with_own_program() {
  const char* const path = std::getenv("PATH");
  const std::string own = std::filesystem::path(own_program()).parent_path().string();
  return path == nullptr ? own : own + ":" + path;
}

std::string last_lines(const std::string& file) {
  std::ifstream in(file);
  std::string lines[3], line;
  std::size_t count = 0;
  while (std::getline(in, line)) lines[count++ % 3] = line;
  std::string text;
  for (std::size_t i = count < 3 ? 0 : count - 3; i < count; ++i) text += "  " + lines[i % 3] + "\n";
  return text;
}

// "2379 is held by etcd (pid 4711), ...": the first few.
std::string holders(const std::vector<int>& ports) {
  constexpr std::size_t kNamed = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(ports.size(), kNamed); ++i) {
    const std::string holder = io::port_holder(static_cast<std::uint16_t>(ports[i]));
    text += (i == 0 ? "" : ", ") + std::to_string(ports[i]) + " is held by " +
            (holder.empty() ? "another user's process" : holder);
  }
  return ports.size() > kNamed ? text + " and so on" : text;
}

class Demo {
 public:
  Demo(const Context& context, const DemoOptions& options, DemoPlan plan, const sigset_t& signals)
      : context_(context), options_(options), dir_(plan.dir), signals_(signals), cluster_(std::move(plan)) {}

  int run() {
    if (const Status started = cluster_.start(); !started)
      return report(context_, kExitLocalIo, started.error().message);
    if (!cluster_.ports_in_use().empty())
      step("took the next free ports: " + holders(cluster_.ports_in_use()));
    step(std::to_string(options_.nodes) + (options_.nodes == 1 ? " member" : " members") + " started in " +
         dir_);
    if (!wait_for_leader()) return failed_;
    step("leader elected: " + leader_.name + ", term " + std::to_string(leader_.term));
    if (!first_write()) return failed_;
    const int code = options_.exec.empty() ? wait_and_tell() : run_command();
    cluster_.stop();
    if (options_.exec.empty())
      context_.err << (options_.keep_dir.empty() ? "  stopped, data removed\n"
                                                 : "  stopped, data kept in " + dir_ + "\n");
    return code;
  }

 private:
  void step(const std::string& text) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f s",
                  std::chrono::duration<double>(Clock::now() - start_).count());
    const std::size_t column = width_ > 30 ? std::min(width_ - 10, std::size_t{70}) : 20;
    std::string line = "  ok  " + fit(text, column, 6);
    const std::size_t last = line.rfind('\n');
    const std::size_t used = line.size() - (last == std::string::npos ? 0 : last + 1);
    // Behind a path longer than that, below it.
    if (used >= column) line += "\n";
    line += std::string(used < column ? column - used : column, ' ');
    context_.err << line << seconds << std::endl;
  }

  bool fail_with(int code, const std::string& message, const std::string& hint) {
    failed_ = report(context_, code, message, hint);
    return false;
  }

  // Once every living member answers: one that does not listen yet would refuse what is tried next.
  std::optional<client::Status> find_leader() {
    client::Client client({.endpoints = {}, .timeout = kProbeTimeout});
    std::optional<client::Status> leader;
    for (const DemoMember& member : cluster_.members()) {
      if (member.pid == 0) continue;
      const auto status = client.status(member.client_url);
      if (!status) return std::nullopt;
      if (status->role == "leader") leader = *status;
    }
    return leader;
  }

  bool interrupted(std::chrono::milliseconds wait) {
    const timespec time{wait.count() / 1000, (wait.count() % 1000) * 1000000};
    const int signal = sigtimedwait(&signals_, nullptr, &time);
    revive_ = revive_ || signal == SIGUSR1;
    return signal == SIGINT || signal == SIGTERM || signal == SIGHUP;
  }

  bool wait_for_leader() {
    while (Clock::now() - start_ < kStartTimeout) {
      if (const std::string ended = cluster_.reap(nullptr, nullptr); !ended.empty()) {
        std::string logs;
        for (const DemoMember& member : cluster_.members())
          if (member.pid == 0) logs += last_lines(member.log_file);
        context_.err << logs;
        return fail_with(kExitLocalIo, "a member did not start: " + ended, "its last lines are above");
      }
      if (std::optional<client::Status> leader = find_leader(); leader && !leader->leader_url.empty()) {
        leader_ = *std::move(leader);
        return true;
      }
      if (interrupted(std::chrono::milliseconds(20))) {
        failed_ = kExitInterrupted;
        return false;
      }
    }
    return fail_with(kExitUnreachable, "no leader after 15 s", "use --keep DIR and look at the logs in it");
  }

  // Written at a follower if there is one, read back at another member: the whole way there and back.
  bool first_write() {
    const auto& members = cluster_.members();
    const DemoMember* writer = &members.front();
    for (const DemoMember& member : members)
      if (member.name != leader_.name) writer = &member;
    const DemoMember* reader = writer;
    for (const DemoMember& member : members)
      if (member.name != leader_.name && &member != writer) reader = &member;
    client::Client write({.endpoints = {writer->client_url}, .timeout = context_.timeout});
    const auto written = write.put("hello", "world");
    if (!written)
      return fail_with(kExitUnreachable, "the first write failed: " + written.error().message, "");
    client::Client read({.endpoints = {reader->client_url}, .timeout = context_.timeout});
    const auto found = read.get("hello", client::Consistency::linearizable);
    if (!found) return fail_with(kExitUnreachable, "it cannot be read back: " + found.error().message, "");
    step("first write: put hello world -> revision " + std::to_string(written->revision) + ", read back by " +
         reader->name);
    return true;
  }

  const DemoMember* leading() const {
    for (const DemoMember& member : cluster_.members())
      if (member.name == leader_.name) return &member;
    return nullptr;
  }

  // A block of commands or words under a title, as wide as the terminal.
  void print(const std::string& title, const std::string& text, bool is_command) {
    std::string start = "  " + title;
    start.resize(12, ' ');
    context_.err << start << fit(text, width_, 12, is_command ? " \\" : "") << "\n";
  }

  // As many as fit a line, at least one: any member will do.
  std::string endpoints_that_fit() const {
    const std::string command = "export CAIRN_ENDPOINTS=";
    std::string list;
    for (const DemoMember& member : cluster_.members()) {
      const std::string next = (list.empty() ? "" : ",") + member.client_url.substr(7);
      if (!list.empty() && 12 + command.size() + list.size() + next.size() > width_) break;
      list += next;
    }
    return command + list;
  }

  void tell() {
    const std::string cairn = shown_program();
    const std::string url = cluster_.members().front().client_url;
    context_.err << "\n";
    for (const DemoMember& member : cluster_.members())
      print(member.name,
            member.client_url + " pid " + std::to_string(member.pid) +
                (member.name == leader_.name ? " leader" : ""),
            false);
    context_.err << "\n";
    print("Try", endpoints_that_fit(), true);
    print("", cairn + " put greeting hi", true);
    print("", cairn + " get greeting", true);
    print("", cairn + " status", true);
    print("", "curl -L -X PUT --data-binary hi " + url + "/v1/kv/greeting", true);
    print("", "ETCDCTL_API=3 etcdctl --endpoints " + url.substr(7) + " get --prefix ''", true);
    const DemoMember* const leader = leading();
    const std::string pid = std::to_string(leader == nullptr ? 0 : leader->pid);
    print("Console", url + "/ui/  # in a browser", false);
    print("Failover", "kill -9 " + pid + "  # the leader: watch the others take over here", false);
    print("", "kill -STOP " + pid + "  # or let it hang; kill -CONT lets it go on", false);
    print("Stop",
          std::string("Ctrl-C") +
              (options_.keep_dir.empty() ? " (data is removed; --keep DIR keeps it)" : "") +
              ". Not for production: no TLS, one disk.",
          false);
    context_.err << std::endl;
  }

  void line(const std::string& text) { context_.err << "  " << fit(text, width_, 6) << std::endl; }

  std::vector<DemoWatch::Look> look_at_all() const {
    std::vector<std::string> urls;
    std::vector<DemoWatch::Look> looks;
    for (const DemoMember& member : cluster_.members()) {
      looks.push_back({member.name, member.pid, std::nullopt});
      if (member.pid != 0) urls.push_back(member.client_url);
    }
    const auto answers = ask_all(urls, kLookTimeout);
    std::size_t next = 0;
    for (DemoWatch::Look& each : looks) {
      if (each.pid == 0) continue;
      const auto& answer = answers[next++];
      if (answer) each.status = *answer;
    }
    return looks;
  }

  // Enter, when somebody sits there. A terminal that belongs to another program now is left alone.
  bool enter_pressed() {
    if (!input_open_ || (isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) != getpgrp())) return false;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) <= 0) return false;
    char typed[256];
    const ssize_t bytes = read(STDIN_FILENO, typed, sizeof typed);
    input_open_ = bytes > 0;
    return bytes > 0;
  }

  void start_the_dead() {
    for (const std::string& name : cluster_.start_dead()) line("ok  " + name + " started again");
  }

  // Until told to stop; reports what happens to the members.
  int wait_and_tell() {
    tell();
    DemoWatch watch(leader_);
    while (!interrupted(std::chrono::milliseconds(watch.leaderless() ? 10 : 500))) {
      const std::string ended = cluster_.reap(nullptr, nullptr);
      if (!ended.empty())
        line("!!  " + ended + "; this starts it again: kill -USR1 " + std::to_string(getpid()) +
             " (or Enter, here)");
      if (revive_ || enter_pressed()) start_the_dead();
      revive_ = false;
      for (const std::string& each : watch.look(Clock::now(), look_at_all())) line(each);
    }
    return kExitOk;
  }

  int run_command() {
    const std::string path = path_with_own_program();
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) return report(context_, kExitLocalIo, "cannot start a shell");
    if (pid == 0) {
      become_child(parent);
      setenv("CAIRN_ENDPOINTS", cluster_.endpoints().c_str(), 1);
      setenv("ETCDCTL_ENDPOINTS", cluster_.endpoints().c_str(), 1);
      setenv("ETCDCTL_API", "3", 1);
      setenv("PATH", path.c_str(), 1);
      execl("/bin/sh", "sh", "-c", options_.exec.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    for (;;) {
      const bool stop = interrupted(std::chrono::milliseconds(200));
      if (stop) kill(pid, SIGTERM);
      pid_t ended = 0;
      int status = 0;
      const std::string members = cluster_.reap(&ended, &status);
      if (!members.empty()) context_.err << "  !!  " << members << std::endl;
      if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }

  const Context& context_;
  const DemoOptions& options_;
  const std::string dir_;
  const sigset_t signals_;
  DemoCluster cluster_;
  client::Status leader_;
  int failed_ = kExitInternal;
  bool revive_ = false;  // asked for by a signal
  bool input_open_ = true;
  const std::size_t width_ = terminal_width(STDERR_FILENO);
  Clock::time_point start_ = Clock::now();
};

}  // namespace

int demo(const Context& context, const DemoOptions& options) {
  std::string dir = options.keep_dir;
  std::error_code error;
  if (dir.empty()) {
    const char* const tmp = std::getenv("TMPDIR");
    dir = std::string(tmp == nullptr || *tmp == '\0' ? "/tmp" : tmp) + "/cairn-demo-XXXXXX";
    if (mkdtemp(dir.data()) == nullptr)
      return report(context, kExitLocalIo, "cannot make a directory like " + dir);
  } else if (std::filesystem::create_directories(dir, error); error) {
    return report(context, kExitLocalIo, "cannot make " + dir + ": " + error.message());
  }
  const sigset_t signals = block_signals();
  DemoPlan plan{own_program(), std::filesystem::absolute(dir).string(), !options.keep_dir.empty(),
                options.nodes, options.port};
  return Demo(context, options, std::move(plan), signals).run();
}

}  // namespace cairn::cli
