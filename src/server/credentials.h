// Credentials: what one port shows of itself and whom it believes, read from its files again when these
// change: connections that begin afterwards go by the new ones. Files that cannot be used, as in the middle
// of their renewal, leave what was read before in force. Owner: TlsPorts. Threading: current() from any
// thread, look() from one.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "tls/context.h"

namespace cairn::server {

class Credentials {
 public:
  // Error: invalid_argument, with the file and what is wrong with it.
  static Result<std::unique_ptr<Credentials>> open(tls::Role role, const tls::Options& options);

  std::shared_ptr<const tls::Context> current() const;
  // Reads the files again if they have changed since the last look that did; true: what they say is in force.
  // Error: it is not, and why; it is said again once they change again.
  Result<bool> look();

 private:
  // What tells that a file is another one, or was written: neither is noticed when it is only read.
  struct Stamp {
    std::int64_t modified_ns = 0, changed_ns = 0, size = -1;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  Credentials(tls::Role role, const tls::Options& options) : role_(role), options_(options) {}
  std::vector<Stamp> stamps() const;

  const tls::Role role_;
  const tls::Options options_;
  std::vector<Stamp> seen_;
  mutable std::mutex mutex_;
  std::shared_ptr<const tls::Context> current_;
};

}  // namespace cairn::server
