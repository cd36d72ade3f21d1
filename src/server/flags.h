// Flags: the table of a member's settings, and where each one's value comes from: flags > environment > file
// > default. Only text in here; config.cc gives it meaning.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/config.h"

namespace cairn::server {

struct FlagSpec {
  const char* name;           // without dashes; also the key in the file
  const char* default_value;  // "" when it is derived from others
  const char* help;
  bool toggle = false;  // alone it is true, as in etcd
};
std::span<const FlagSpec> flag_table();

struct Given {
  std::vector<Setting> settings;   // one per row of the table, in its order
  std::vector<std::string> notes;  // of what was given and has no effect
  bool help = false, version = false;

  const Setting& operator[](std::string_view name) const;  // CHECKs that there is such a flag
};
// "--name", or with its true origin: "--name (from CAIRN_NAME)".
std::string flag_of(const Setting& setting);
tl::unexpected<Error> bad_value(const Setting& setting, const std::string& why);
// "a, b": its names, as many as that at most.
Result<std::vector<std::string>> read_list(const Setting& setting, std::size_t names_max);
inline bool given(const Setting& setting) { return setting.origin != "default"; }

Result<Given> gather(const std::vector<std::string>& args, const Environment& environment,
                     const ConfigLimits& limits);

}  // namespace cairn::server
