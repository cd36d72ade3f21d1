// Checks of what stands on the command line, whose conditions stand in the help as they are said here, not as
// the parser would put them.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace cairn::cli {

CLI::Validator between(double low, double high);
// Its name is these words with | between, for whoever says elsewhere what may be chosen.
CLI::Validator one_of(std::initializer_list<std::string> list);
CLI::Validator whole_number(std::int64_t least = 0);  // of 63 bits, as revisions are

}  // namespace cairn::cli
