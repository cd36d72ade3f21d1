#include "cli/demo_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

namespace cairn::cli {
namespace {

constexpr auto kStopTimeout = std::chrono::seconds(5);
constexpr auto kPollInterval = std::chrono::milliseconds(10);

std::string url_of(int port) { return "http://127.0.0.1:" + std::to_string(port); }

bool port_is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool is_free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return is_free;
}

// Outlives this process if that is killed: waits for the end of the pipe, then removes the directory. The
// members die with their parent, but a little later, and may still create files meanwhile.
[[noreturn]] void run_janitor(int pipe_end, const std::string& dir, bool keep) {
  setsid();  // not reached by a Ctrl-C
  char byte;
  while (read(pipe_end, &byte, 1) == -1 && errno == EINTR) {
  }
  for (int i = 0; i < 300 && !keep; ++i) {
    std::error_code error;
    std::filesystem::remove_all(dir, error);
    if (!std::filesystem::exists(dir, error)) break;
    std::this_thread::sleep_for(kPollInterval);
  }
  _exit(0);
}

Status failed(const std::string& what) { return fail(Code::internal, what + ": " + std::strerror(errno)); }

}  // namespace

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

void become_child(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // the parent died before the line above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
}

DemoCluster::DemoCluster(DemoPlan plan) : plan_(std::move(plan)) {}
DemoCluster::~DemoCluster() { stop(); }

Status DemoCluster::prepare() {
  int port = plan_.first_port;
  const auto next = [&]() -> int {
    for (; port < 65535 && !port_is_free(port); ++port) ports_in_use_.push_back(port);
    return port++;
  };
  for (int i = 1; i <= plan_.nodes; ++i) {
    const int client = next(), peer = next();
    if (peer >= 65535)
      return fail(Code::unavailable, "no free ports above " + std::to_string(plan_.first_port));
    const std::string name = "n" + std::to_string(i);
    members_.push_back({name, url_of(client), url_of(peer), plan_.dir + "/" + name + ".log"});
  }
  return start_janitor();
}

Status DemoCluster::start_janitor() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  janitor_ = fork();
  if (janitor_ < 0) return failed("cannot start a process");
  if (janitor_ == 0) {
    close(ends[1]);
    run_janitor(ends[0], plan_.dir, plan_.keep);
  }
  close(ends[0]);
  janitor_pipe_ = ends[1];
  return {};
}

std::vector<std::string> DemoCluster::arguments_of(const DemoMember& member) const {
  std::string cluster;
  for (const DemoMember& each : members_)
    cluster += (cluster.empty() ? "" : ",") + each.name + "=" + each.peer_url;
  return {plan_.program, "server", "--name", member.name, "--data-dir", plan_.dir + "/" + member.name,
          "--listen-client-urls", member.client_url, "--advertise-client-urls", member.client_url,
          "--listen-peer-urls", member.peer_url, "--initial-advertise-peer-urls", member.peer_url,
          "--initial-cluster", cluster, "--initial-cluster-token", kToken, "--initial-cluster-wait",
          "0",  // who else should know them
          // Loopback answers fast: elect within half a second rather than a whole one.
          "--heartbeat-interval", "50", "--election-timeout", "500"};
}

Status DemoCluster::start_member(DemoMember* member) {
  const std::vector<std::string> arguments = arguments_of(*member);
  std::vector<char*> argv;
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  const int log = open(member->log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  const pid_t pid = log < 0 ? -1 : fork();
  if (pid == 0) {
    become_child(parent);
    setpgid(0, 0);  // a Ctrl-C is for us, who stop the members in order
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  const Status started = pid > 0 ? Status() : failed("cannot start " + member->name);
  if (log >= 0) close(log);
  if (nothing >= 0) close(nothing);
  if (pid > 0) member->pid = pid;
  return started;
}

Status DemoCluster::start() {
  if (members_.empty()) TRY(prepare());
  for (DemoMember& member : members_) TRY(start_member(&member));
  return {};
}

std::vector<std::string> DemoCluster::start_dead() {
  std::vector<std::string> names;
  for (DemoMember& member : members_)
    if (member.pid == 0 && start_member(&member)) names.push_back(member.name);
  return names;
}

std::string DemoCluster::reap(pid_t* other_pid, int* other_status) {
  std::string text;
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    bool is_member = false;
    for (DemoMember& member : members_) {
      if (member.pid != pid) continue;
      is_member = true;
      member.pid = 0;
      text += (text.empty() ? "" : "; ") + member.name + " has ended: " + describe_wait_status(status);
    }
    if (is_member || pid == janitor_ || other_pid == nullptr) continue;
    *other_pid = pid;
    *other_status = status;
  }
  return text;
}

void DemoCluster::stop() {
  const auto running = [this] {
    for (const DemoMember& member : members_)
      if (member.pid > 0) return true;
    return false;
  };
  for (const DemoMember& member : members_)
    if (member.pid > 0) kill(member.pid, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kStopTimeout;
  for (reap(nullptr, nullptr); running() && std::chrono::steady_clock::now() < deadline;
       reap(nullptr, nullptr))
    std::this_thread::sleep_for(kPollInterval);
  for (DemoMember& member : members_) {
    if (member.pid <= 0) continue;
    kill(member.pid, SIGKILL);
    waitpid(member.pid, nullptr, 0);
    member.pid = 0;
  }
  if (janitor_pipe_ >= 0) close(janitor_pipe_);
  janitor_pipe_ = -1;
  if (janitor_ > 0) waitpid(janitor_, nullptr, 0);
  janitor_ = 0;
}

std::string DemoCluster::endpoints() const {
  std::string text;
  for (const DemoMember& member : members_) text += (text.empty() ? "" : ",") + member.client_url;
  return text;
}

}  // namespace cairn::cli
