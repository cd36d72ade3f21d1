// The program that runs.
#pragma once

#include <string>

namespace cairn::cli {

std::string own_program();  // its file; empty: the system does not tell

}  // namespace cairn::cli
