#include <utility>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "server/file_formats.h"

namespace cairn::server {
namespace {

tl::unexpected<Error> bad(std::size_t line, const std::string& why) {
  return fail(Code::invalid_argument, std::to_string(line) + ": " + why);
}

Result<FileItem> item_of(const std::string& section, std::string name, const toml::node& node) {
  FileItem item{.section = section, .name = std::move(name), .value = "", .line = node.source().begin.line};
  if (const auto* text = node.as_string()) return item.value = text->get(), item;
  if (const auto* flag = node.as_boolean()) return item.value = flag->get() ? "true" : "false", item;
  if (const auto* number = node.as_integer()) {
    item.value = std::to_string(number->get());
    item.is_number = true;
    return item;
  }
  const auto* const array = node.as_array();
  if (array == nullptr)
    return bad(item.line, item.name + ": must be a string, a number, true, false or a list of strings");
  for (const toml::node& each : *array) {
    const auto* const text = each.as_string();
    if (text == nullptr) return bad(item.line, item.name + ": a list must hold strings only");
    item.value += (item.value.empty() ? "" : ",") + text->get();
  }
  return item;
}

Status read_table(const std::string& section, const toml::table& table, std::vector<FileItem>* to) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (const toml::table* const inner = node.as_table(); inner != nullptr && section.empty()) {
      TRY(read_table(name, *inner, to));
      continue;
    }
    to->push_back(TRY(item_of(section, name, node)));
  }
  return {};
}

}  // namespace

Result<std::vector<FileItem>> read_toml(const std::string& text) {
  std::vector<FileItem> items;
  try {
    TRY(read_table("", toml::parse(text), &items));
  } catch (const toml::parse_error& error) {
    return bad(error.source().begin.line, "not TOML: " + std::string(error.description()));
  }
  return items;
}

}  // namespace cairn::server
