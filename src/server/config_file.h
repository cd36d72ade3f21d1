// ConfigFile: what --config-file names, as a flat list of settings: TOML, or YAML as etcd's when its name
// ends with .yaml or .yml. etcd's sections of TLS become the flags that they stand for. Only text in here;
// whether a setting of that name exists is flags.cc's business.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace cairn::server {

struct FileSetting {
  std::string name;  // of a flag, without dashes
  std::string value;
  std::size_t line = 0;  // from 1
};

// Error: invalid_argument with file and line.
Result<std::vector<FileSetting>> read_config_file(const std::string& path, std::size_t bytes_max);

}  // namespace cairn::server
