// The formats of a configuration file, each as nested names and values. One facade a library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::server {

struct FileItem {
  std::string section;  // "" outside of one
  std::string name;
  std::string value;  // a list is joined with commas; whole numbers, true and false are as written
  std::size_t line = 0;
  bool is_number = false;
};

// Values: strings, whole numbers, true, false, lists of strings; sections one deep. What is none of that, and
// what stands twice, is refused. Errors: invalid_argument, "LINE: why".
Result<std::vector<FileItem>> read_toml(const std::string& text);
Result<std::vector<FileItem>> read_yaml(const std::string& text);

}  // namespace cairn::server
