#include "load/figures.h"

#include <utility>

namespace cairn::load {
namespace {

constexpr std::size_t kErrorKindsMax = 64;
constexpr std::size_t kErrorTextMax = 120;

}  // namespace

std::string count_error(Figures* figures, std::string kind) {
  if (kind.size() > kErrorTextMax) kind.resize(kErrorTextMax);
  if (figures->errors.size() >= kErrorKindsMax && figures->errors.count(kind) == 0) kind = "other";
  figures->errors[kind] += 1;
  figures->error_count += 1;
  return kind;
}

}  // namespace cairn::load
