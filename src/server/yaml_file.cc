#include <yaml.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "server/file_formats.h"

namespace cairn::server {
namespace {

std::size_t line_of(const yaml_mark_t& mark) { return mark.line + 1; }

tl::unexpected<Error> bad(std::size_t line, const std::string& why) {
  return fail(Code::invalid_argument, std::to_string(line) + ": " + why);
}

struct Freed {
  void operator()(yaml_document_t* document) const {
    yaml_document_delete(document);
    delete document;
  }
  void operator()(yaml_parser_t* parser) const {
    yaml_parser_delete(parser);
    delete parser;
  }
};
using Document = std::unique_ptr<yaml_document_t, Freed>;
using Parser = std::unique_ptr<yaml_parser_t, Freed>;

Result<Document> next_document(yaml_parser_t* parser) {
  auto read = std::make_unique<yaml_document_t>();
  if (yaml_parser_load(parser, read.get()) == 1) return Document(read.release());
  const bool has_mark = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR ||
                        parser->error == YAML_COMPOSER_ERROR;
  return bad(
      has_mark ? line_of(parser->problem_mark) : 1,
      std::string("not YAML: ") + (parser->problem != nullptr ? parser->problem : "it cannot be read"));
}

bool is_whole_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// One document, whose nodes refer to each other by numbers.
class Reading {
 public:
  explicit Reading(yaml_document_t* document) : document_(document) {}

  Result<std::vector<FileItem>> read() {
    const yaml_node_t* const root = yaml_document_get_root_node(document_);
    if (root == nullptr || is_null(*root)) return std::move(items_);
    if (root->type != YAML_MAPPING_NODE) return bad(line_of(root->start_mark), "must hold NAME: VALUE");
    TRY(read_map("", *root));
    return std::move(items_);
  }

 private:
  const yaml_node_t& node(int number) {
    const yaml_node_t* const found = yaml_document_get_node(document_, number);
    CHECK(found != nullptr);
    return *found;
  }

  static bool is_plain(const yaml_node_t& node) {
    return node.type == YAML_SCALAR_NODE && node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  }
  static std::string text_of(const yaml_node_t& node) {
    return {reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length};
  }
  static bool is_null(const yaml_node_t& node) {
    return is_plain(node) && is_one_of(text_of(node), {"", "~", "null", "Null", "NULL"});
  }
  // The words of truth of YAML 1.1, which Go's reader takes for them, too; in quotes they are strings. Not y
  // and n, which are letters to the next reader.
  static std::string value_of(const yaml_node_t& node) {
    std::string text = text_of(node);
    if (!is_plain(node)) return text;
    if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return "true";
    if (is_one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return "false";
    return text;
  }

  Status read_map(const std::string& section, const yaml_node_t& map) {
    std::set<std::string> names;
    for (const auto* pair = map.data.mapping.pairs.start; pair != map.data.mapping.pairs.top; ++pair) {
      const yaml_node_t &key = node(pair->key), &value = node(pair->value);
      const std::size_t line = line_of(key.start_mark);
      if (key.type != YAML_SCALAR_NODE) return bad(line, "the name of a setting must be a word");
      std::string name = text_of(key);
      if (!names.insert(name).second) return bad(line, name + ": stands twice");
      if (value.type == YAML_MAPPING_NODE && section.empty())
        TRY(read_map(name, value));
      else if (!is_null(value))
        TRY(read_value({.section = section, .name = std::move(name), .value = "", .line = line}, value));
    }
    return {};
  }

  Status read_value(FileItem item, const yaml_node_t& from) {
    if (from.type == YAML_MAPPING_NODE)
      return bad(item.line, item.name + ": must be a string, a number, true, false or a list of strings");
    if (from.type == YAML_SCALAR_NODE) {
      item.value = value_of(from);
      item.is_number = is_plain(from) && is_whole_number(item.value);
    } else {
      for (const int* at = from.data.sequence.items.start; at != from.data.sequence.items.top; ++at) {
        if (node(*at).type != YAML_SCALAR_NODE)
          return bad(line_of(node(*at).start_mark), item.name + ": a list must hold strings only");
        item.value += (item.value.empty() ? "" : ",") + text_of(node(*at));
      }
    }
    items_.push_back(std::move(item));
    return {};
  }

  yaml_document_t* const document_;
  std::vector<FileItem> items_;
};

}  // namespace

Result<std::vector<FileItem>> read_yaml(const std::string& text) {
  auto made = std::make_unique<yaml_parser_t>();
  CHECK(yaml_parser_initialize(made.get()) == 1);
  const Parser parser(made.release());
  yaml_parser_set_input_string(parser.get(), reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  const Document document = TRY(next_document(parser.get()));
  auto items = TRY(Reading(document.get()).read());
  const Document second = TRY(next_document(parser.get()));
  const yaml_node_t* const root = yaml_document_get_root_node(second.get());
  if (root != nullptr) return bad(line_of(root->start_mark), "a second document begins: one file holds one");
  return items;
}

}  // namespace cairn::server
