// DemoCluster: real server processes on this machine, gone without a trace when it is: by stop(), and also
// when this process is killed. Threading: one thread, which must be the one that started it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace cairn::cli {

struct DemoMember {
  std::string name, client_url, peer_url, log_file;
  pid_t pid = 0;  // 0: not running
};

struct DemoPlan {
  std::string program;  // run as `program server --name ...`
  std::string dir;      // data directories and logs
  bool keep = false;    // the directory outlives the cluster
  int nodes = 3;
  int first_port = 2379;
};

class DemoCluster {
 public:
  explicit DemoCluster(DemoPlan plan);
  ~DemoCluster();  // stops
  DemoCluster(const DemoCluster&) = delete;
  DemoCluster& operator=(const DemoCluster&) = delete;

  static constexpr char kToken[] = "cairn-demo";

  // Chooses ports of the members, who are known from then on; the folder goes away with this process.
  Status prepare();
  Status start();  // with what lies in their directories; prepares if that was not done
  void stop();
  // Starts those members again that have ended, with the data they had; their names. What cannot be started
  // stays as it is.
  std::vector<std::string> start_dead();
  // Collects processes that have ended; the text says how, "" when none has. `other_pid` and `other_status`
  // take a child that is no member.
  std::string reap(pid_t* other_pid, int* other_status);
  const std::vector<DemoMember>& members() const { return members_; }
  std::string endpoints() const;                                          // separated by commas
  const std::vector<int>& ports_in_use() const { return ports_in_use_; }  // passed by

 private:
  Status start_janitor();
  Status start_member(DemoMember* member);
  std::vector<std::string> arguments_of(const DemoMember& member) const;

  DemoPlan plan_;
  std::vector<DemoMember> members_;
  std::vector<int> ports_in_use_;
  int janitor_pipe_ = -1;
  pid_t janitor_ = 0;
};

// "killed by signal 9" or "exit code 1".
std::string describe_wait_status(int status);

// In a freshly forked child: dies with its parent, and has the signals a program expects.
void become_child(pid_t parent);

}  // namespace cairn::cli
