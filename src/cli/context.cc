#include "cli/context.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>

namespace cairn::cli {
namespace {

using client::Reason;

int exit_code_of(Reason reason) {
  switch (reason) {
    case Reason::key_not_found:
    case Reason::precondition_failed:
      return kExitNegative;
    case Reason::unreachable:
    case Reason::unavailable:
    case Reason::timeout:
    case Reason::outcome_unknown:
      return kExitUnreachable;
    case Reason::invalid:
    case Reason::compacted:
    case Reason::refused:
      return kExitRefused;
  }
  return kExitInternal;
}

}  // namespace

int report(const Context& context, int exit_code, const std::string& message, const std::string& hint,
           const std::string& code) {
  if (context.format == Format::json) {
    nlohmann::ordered_json error = {{"code", code.empty() ? "cli" : code}, {"message", message}};
    if (!hint.empty()) error["hint"] = hint;
    const nlohmann::ordered_json body = {{"error", error}};
    context.err << body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
    return exit_code;
  }
  context.err << "error: " << message << "\n";
  if (!hint.empty()) context.err << "hint: " << hint << "\n";
  return exit_code;
}

int report(const Context& context, const client::Error& error) {
  if (error.reason == Reason::key_not_found)
    return report(context, kExitNegative, "key not found", "", error.code);
  std::string message = error.message, hint = error.hint, code = error.code;
  if (error.reason == Reason::unreachable) {
    const bool names_all = error.message.find(error.endpoint) != std::string::npos;
    message = "cannot reach " + (names_all ? "any member" : error.endpoint) + ": " + error.message;
    hint =
        "is a server running there? 'cairn demo' starts a cluster; --endpoints or CAIRN_ENDPOINTS name "
        "another";
    code = "unreachable";
  } else if (!error.endpoint.empty() && exit_code_of(error.reason) == kExitUnreachable &&
             message.find(error.endpoint) == std::string::npos) {
    message += " (last asked: " + error.endpoint + ")";
  }
  return report(context, exit_code_of(error.reason), message, hint, code);
}

std::string printable(const std::string& bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string in_units(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto number = static_cast<double>(bytes);
  std::size_t unit = 0;
  // What would be rounded to 1024 of one unit is 1.0 of the next.
  for (; number >= (unit > 0 ? 1023.5 : 1024) && unit + 1 < std::size(kUnits); ++unit) number /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit > 0 && number < 9.95 ? "%.1f %s" : "%.0f %s", number, kUnits[unit]);
  return text;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

}  // namespace cairn::cli
