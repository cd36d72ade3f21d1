// The version of Cairn, as every place that reports it says it. CMakeLists.txt repeats it for packages.
#pragma once

namespace cairn {

constexpr char kVersion[] = "0.1.0";

}  // namespace cairn
