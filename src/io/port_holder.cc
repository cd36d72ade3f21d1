#include "io/port_holder.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace cairn::io {
namespace {

namespace fs = std::filesystem;

constexpr int kListening = 0x0a;  // TCP_LISTEN

std::uint32_t from_hex(const std::string& text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// Sockets as /proc/PID/fd shows them: "socket:[12345]". A line of the table is
// "0: 0100007F:094B 00000000:0000 0A 0:0 0:0 0 UID 0 INODE ...".
void add_listening_sockets(const char* table, std::uint16_t port, std::set<std::string>* sockets) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // column titles
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::string slot, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    columns >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    if (!columns || from_hex(state) != kListening) continue;
    if (from_hex(local.substr(local.rfind(':') + 1)) == port) sockets->insert("socket:[" + inode + "]");
  }
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& sockets) {
  std::error_code error;
  fs::directory_iterator at(process / "fd", error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code gone;
    if (sockets.contains(fs::read_symlink(at->path(), gone).string())) return true;
  }
  return false;
}

}  // namespace

std::string port_holder(std::uint16_t port) {
  std::set<std::string> sockets;
  add_listening_sockets("/proc/net/tcp", port, &sockets);
  add_listening_sockets("/proc/net/tcp6", port, &sockets);
  if (sockets.empty()) return "";
  std::error_code error;
  fs::directory_iterator at("/proc", error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string pid = at->path().filename().string();
    const bool is_process =
        std::all_of(pid.begin(), pid.end(), [](unsigned char c) { return std::isdigit(c); });
    if (!is_process || !holds_one_of(at->path(), sockets)) continue;
    std::string name;
    std::getline(std::ifstream(at->path() / "comm") >> std::ws, name);
    return name + " (pid " + pid + ")";
  }
  return "";
}

}  // namespace cairn::io
