#include "cli/own_program.h"

#include <filesystem>

namespace cairn::cli {

std::string own_program() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

}  // namespace cairn::cli
