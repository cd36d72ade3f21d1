#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "observe/metrics.h"

namespace cairn {
namespace {

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Field `number` of /proc/self/stat, counted from 1 as proc(5) does. The name in field 2 may hold spaces.
double stat_field(int number) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream rest(line.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= number; ++i) rest >> field;
  return field.empty() ? 0 : std::strtod(field.c_str(), nullptr);
}

double resident_bytes() { return stat_field(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)); }
double virtual_bytes() { return stat_field(23); }

double boot_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  double value = 0;
  while (file >> word) {
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

double open_fds() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return 0;
  int count = 0;
  while (::readdir(directory.get()) != nullptr) ++count;
  return count - 3;  // ".", ".." and the directory itself
}

double max_fds() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

void add_process_metrics(Metrics* metrics) {
  metrics->counter_from("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", {},
                        cpu_seconds);
  metrics->gauge_from("process_resident_memory_bytes", "Resident memory size in bytes.", {}, resident_bytes);
  metrics->gauge_from("process_virtual_memory_bytes", "Virtual memory size in bytes.", {}, virtual_bytes);
  metrics->gauge_from("process_open_fds", "Number of open file descriptors.", {}, open_fds);
  metrics->gauge_from("process_max_fds", "Maximum number of open file descriptors.", {}, max_fds);
  const double started = boot_seconds() + stat_field(22) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  metrics->gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
      .set(started);
}

}  // namespace cairn
