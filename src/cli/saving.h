// Saving: a backup streamed from a member into a file, which has its name once it is whole, is what was sent,
// and is durable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "cli/backups.h"
#include "cli/context.h"
#include "io/disk.h"

namespace cairn::cli {

struct SaveEnd {
  int exit_code = kExitOk;
  std::string message, hint;  // of what went wrong; nothing was saved then
  std::uint64_t size_bytes = 0;
  std::string from;  // which endpoint
};
// From the first of the context's endpoints that has one and brings it to its end; what is at `path` is
// replaced. `stop` is asked now and then: once it says so, nothing is saved.
SaveEnd save_backup(const Context& context, io::Disk& disk, const std::string& path,
                    const std::function<bool()>& stop = {});

// Likewise, of what a stopped member's directory has.
Result<Rescued> rescue_backup(const Context& context, io::Disk& disk, const std::string& dir,
                              const std::string& path, std::uint64_t* size_bytes);

// Damage is a negative answer; all else is a matter of this machine.
int exit_code_of_file(const Error& error);

}  // namespace cairn::cli
