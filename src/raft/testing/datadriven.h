// Data-driven tests: a file of cases, each a command line `name arg key=value key=(a,b)`, optional input
// lines, a line
// `----`, and the expected output up to a blank line. With CAIRN_REWRITE=1 the expected output is recorded
// anew; then the diff is read.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/source_dir.h"

namespace cairn::raft::testing {

struct Case {
  std::string file;
  std::size_t line = 0;
  std::vector<std::string> before;  // comments and blank lines in front
  std::string command_line;
  std::string command;
  std::vector<std::string> words;                           // positional
  std::map<std::string, std::vector<std::string>> options;  // key=value and key=(a,b)
  std::vector<std::string> input;
  std::string expected;  // with a newline after each line

  std::string where() const { return file + ":" + std::to_string(line) + " (" + command_line + ")"; }
};

inline void parse_command_line(Case* c) {
  std::string text;  // blanks inside parentheses mean nothing
  int depth = 0;
  for (const char ch : c->command_line) {
    if (ch == '(') ++depth;
    if (ch == ')') --depth;
    if (depth == 0 || ch != ' ') text.push_back(ch);
  }
  std::istringstream words(text);
  words >> c->command;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      c->words.push_back(word);
      continue;
    }
    std::string value = word.substr(equals + 1);
    if (!value.empty() && value.front() == '(') value = value.substr(1, value.size() - 2);
    std::vector<std::string>& list = c->options[word.substr(0, equals)];
    std::istringstream parts(value);
    for (std::string part; std::getline(parts, part, ',');) list.push_back(part);
  }
}

inline std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  std::size_t number = 0;
  std::vector<std::string> before;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line[0] == '#') {
      before.push_back(line);
      continue;
    }
    Case c;
    c.file = path.filename().string();
    c.line = number;
    c.before = std::move(before);
    before.clear();
    c.command_line = line;
    while (std::getline(file, line) && line != "----") {
      ++number;
      c.input.push_back(line);
    }
    ++number;
    while (std::getline(file, line) && !line.empty()) {
      ++number;
      c.expected += line + "\n";
    }
    ++number;
    parse_command_line(&c);
    cases.push_back(std::move(c));
  }
  return cases;
}

inline bool rewriting() { return std::getenv("CAIRN_REWRITE") != nullptr; }

inline void write_cases(const std::filesystem::path& path, const std::vector<Case>& cases) {
  std::ofstream file(path);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    if (i > 0) file << '\n';
    for (const std::string& line : c.before) {
      if (i == 0 || !line.empty() || &line != &c.before.front()) file << line << '\n';
    }
    file << c.command_line << '\n';
    for (const std::string& line : c.input) file << line << '\n';
    file << "----\n" << c.expected;
  }
}

// Where etcd-io/raft's own test data lies, if anywhere.
inline std::filesystem::path oracle_folder(const std::string& name) {
  const char* set = std::getenv("CAIRN_ORACLES");
  const std::filesystem::path root = set != nullptr
                                         ? std::filesystem::path(set)
                                         : std::filesystem::path(test::kSourceDir) / "../shared/oracles";
  return root / "raft" / name / "testdata";
}

inline std::vector<std::filesystem::path> text_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace cairn::raft::testing
