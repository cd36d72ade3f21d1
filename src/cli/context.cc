#include "cli/context.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/utf8.h"
#include "cli/ask_all.h"
#include "cli/repeat.h"

namespace cairn::cli {
namespace {

using client::Reason;

int exit_code_of(Reason reason) {
  switch (reason) {
    case Reason::key_not_found:
    case Reason::lease_not_found:
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

// For errors that no server has named.
const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::timeout:
      return "timeout";
    case Reason::unavailable:
      return "unavailable";
    case Reason::outcome_unknown:
      return "outcome_unknown";
    case Reason::invalid:
      return "invalid_request";
    default:
      return "refused";
  }
}

// How long members may take to say how they are, when something has gone wrong already.
constexpr auto kProbeTimeout = std::chrono::milliseconds(300);

struct Trouble {
  int exit_code = kExitInternal;
  std::string message, hint, code;
  std::string repeat;  // the command that repeats a write once
  std::vector<client::Answer<client::Status>> members = {};
};

nlohmann::ordered_json to_json(const client::Answer<client::Status>& member) {
  if (!member)
    return {{"endpoint", member.error().endpoint}, {"answers", false}, {"cause", member.error().message}};
  nlohmann::ordered_json out = {{"endpoint", member->endpoint},
                                {"answers", true},
                                {"name", member->name},
                                {"leader", member->leader_name},
                                {"summary", member->summary}};
  if (member->leaderless_seconds) out["leaderless_seconds"] = *member->leaderless_seconds;
  return out;
}

std::string to_text(const client::Answer<client::Status>& member) {
  if (!member) return member.error().endpoint + " does not answer: " + member.error().message;
  return member->endpoint + " answers (" + member->name + "): " + member->summary;
}

int tell(const Context& context, const Trouble& trouble) {
  if (context.format == Format::json) {
    nlohmann::ordered_json error = {{"code", trouble.code.empty() ? "cli" : trouble.code},
                                    {"message", trouble.message}};
    if (!trouble.hint.empty()) error["hint"] = trouble.hint;
    if (!trouble.repeat.empty()) error["repeat"] = trouble.repeat;
    for (const auto& member : trouble.members) error["members"].push_back(to_json(member));
    const nlohmann::ordered_json body = {{"error", error}};
    context.err << body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
    return trouble.exit_code;
  }
  context.err << "error: " << trouble.message << "\n";
  for (const auto& member : trouble.members) context.err << "  " << to_text(member) << "\n";
  if (!trouble.hint.empty()) context.err << "hint: " << trouble.hint << "\n";
  return trouble.exit_code;
}

}  // namespace

int report(const Context& context, int exit_code, const std::string& message, const std::string& hint,
           const std::string& code) {
  Trouble trouble;
  trouble.exit_code = exit_code;
  trouble.message = message;
  trouble.hint = hint;
  trouble.code = code;
  return tell(context, trouble);
}

int report(const Context& context, const client::Error& error, const std::string& more) {
  Trouble trouble;
  trouble.exit_code = exit_code_of(error.reason);
  trouble.message = error.reason == Reason::key_not_found ? "key not found" : error.message;
  trouble.hint = error.hint;
  trouble.code = error.code.empty() ? name_of(error.reason) : error.code;
  if (error.reason == Reason::unreachable) {
    const bool names_all = error.message.find(error.endpoint) != std::string::npos;
    trouble.message = "cannot reach " + (names_all ? "any member" : error.endpoint) + ": " + error.message;
    trouble.hint =
        "is a server running there? 'cairn demo' starts a cluster; --endpoints or CAIRN_ENDPOINTS name "
        "another";
    if (error.message.find("no TLS with it") != std::string::npos)
      trouble.hint =
          "--cacert names the CA of the servers, --cert and --key what they are shown; see cairn help cert";
    else if (error.message.find("HTTP request to an HTTPS server") != std::string::npos)
      trouble.hint = "write https://";
    trouble.code = "unreachable";
  } else if (trouble.exit_code == kExitUnreachable) {
    if (!error.endpoint.empty() && trouble.message.find(error.endpoint) == std::string::npos)
      trouble.message += " (last asked: " + error.endpoint + ")";
    trouble.members = ask_all(context.endpoints, kProbeTimeout, context.tls, context.user);
  }
  if (!error.idempotency_key.empty() && !context.args.empty()) {
    trouble.repeat = repeat_command(context.args, error.idempotency_key);
    trouble.hint = "this repeats it once, within ten minutes: " + trouble.repeat;
  }
  if (!more.empty()) trouble.hint += (trouble.hint.empty() ? "" : "; ") + more;
  return tell(context, trouble);
}

std::string printable(const std::string& bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool is_text = is_utf8(bytes);
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !is_text)) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

namespace {

// Characters rather than bytes, as they take up a terminal.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

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
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
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
