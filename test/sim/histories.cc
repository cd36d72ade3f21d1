#include "sim/histories.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <regex>
#include <sstream>
#include <utility>

namespace cairn::sim {
namespace {

constexpr std::uint64_t kFirstSteps = 10'000;

struct RegisterModel final : Model {
  explicit RegisterModel(const std::vector<RegisterOperation>& the_operations) : operations(the_operations) {}

  std::string initial() const override { return "nil"; }

  bool step(std::string* state, std::size_t i) const override {
    const RegisterOperation& operation = operations[i];
    switch (operation.call) {
      case RegisterCall::read:
        return !operation.known || *state == (operation.value ? std::to_string(*operation.value) : "nil");
      case RegisterCall::write:
        *state = std::to_string(operation.value.value_or(0));
        return true;
      case RegisterCall::compare_and_set: {
        const bool matches = *state == std::to_string(operation.expected);
        if (matches) *state = std::to_string(operation.value.value_or(0));
        return !operation.known || matches == operation.succeeded;
      }
    }
    return false;
  }

  const std::vector<RegisterOperation>& operations;
};

// Values grow to many kilobytes, and the search copies states: a state is a digest that appending continues.
struct Digest {
  std::uint64_t value = 0xcbf29ce484222325U;
  void append(const std::string& text) {  // FNV-1a
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::string encode() const {
    std::string bytes(sizeof(value), 0);
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  }
};

struct KvModel final : Model {
  explicit KvModel(const std::vector<KvOperation>& the_operations) : operations(the_operations) {
    for (const KvOperation& operation : operations) {
      Digest whole;
      whole.append(operation.value);
      digests.push_back(whole.encode());
    }
  }

  std::string initial() const override { return Digest().encode(); }

  bool step(std::string* state, std::size_t i) const override {
    switch (operations[i].call) {
      case KvCall::get:
        return *state == digests[i];
      case KvCall::put:
        *state = digests[i];
        return true;
      case KvCall::append: {
        Digest digest;
        std::memcpy(&digest.value, state->data(), sizeof(digest.value));
        digest.append(operations[i].value);
        *state = digest.encode();
        return true;
      }
    }
    return false;
  }

  const std::vector<KvOperation>& operations;
  std::vector<std::string> digests;  // of each operation's value
};

struct Line {  // of a register log
  std::string process, phase, call, value;
};

void invoke(const Line& line, std::int64_t time, RegisterHistory* history,
            std::map<std::string, std::size_t>* open) {
  RegisterOperation operation;
  operation.known = false;
  if (line.call == "write") {
    operation.call = RegisterCall::write;
    operation.value = std::stoll(line.value);
  } else if (line.call == "cas") {
    operation.call = RegisterCall::compare_and_set;
    std::istringstream numbers(line.value.substr(1));  // [expected new]
    std::int64_t next = 0;
    numbers >> operation.expected >> next;
    operation.value = next;
  }
  (*open)[line.process] = history->operations.size();
  history->operations.push_back(operation);
  history->spans.push_back(Span{time, Span::kNever});
}

void answer(const Line& line, std::int64_t time, std::size_t i, RegisterHistory* history) {
  RegisterOperation& operation = history->operations[i];
  operation.known = true;
  operation.succeeded = line.phase == "ok";
  if (operation.call == RegisterCall::read && line.value != "nil") operation.value = std::stoll(line.value);
  history->spans[i].answered = time;
}

std::string unquoted(const std::string& text) {
  return text == "nil" ? std::string() : text.substr(1, text.size() - 2);
}

}  // namespace

Result<RegisterHistory> parse_register_history(const std::string& text) {
  static const std::regex kLine(
      R"(INFO\s+jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.+))");
  RegisterHistory history;
  std::map<std::string, std::size_t> open;
  std::istringstream lines(text);
  std::string raw;
  for (std::int64_t time = 1; std::getline(lines, raw); ++time) {
    std::smatch match;
    if (!std::regex_match(raw, match, kLine)) continue;  // the log of something else
    const Line line{match[1], match[2], match[3], match[4]};
    if (line.phase == "invoke") {
      invoke(line, time, &history, &open);
      continue;
    }
    const auto found = open.find(line.process);
    if (found == open.end()) return fail(Code::invalid_argument, "answer without a call: " + raw);
    const bool unknown = line.phase == "info" || line.value.find(":timed-out") != std::string::npos;
    if (!unknown) answer(line, time, found->second, &history);
    open.erase(found);
  }
  return history;
}

Result<KvHistory> parse_kv_history(const std::string& text) {
  static const std::regex kLine(
      R"x(\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (nil|".*")\})x");
  KvHistory history;
  std::map<std::string, std::size_t> open;
  std::istringstream lines(text);
  std::string raw;
  for (std::int64_t time = 1; std::getline(lines, raw); ++time) {
    std::smatch match;
    if (!std::regex_match(raw, match, kLine)) return fail(Code::invalid_argument, "not an operation: " + raw);
    if (match[2] == "invoke") {
      const KvCall call = match[3] == "get" ? KvCall::get : match[3] == "put" ? KvCall::put : KvCall::append;
      open[match[1]] = history.operations.size();
      history.operations.push_back(KvOperation{call, match[4], unquoted(match[5])});
      history.spans.push_back(Span{time, Span::kNever});
      continue;
    }
    const auto found = open.find(match[1]);
    if (found == open.end()) return fail(Code::invalid_argument, "answer without a call: " + raw);
    KvOperation& operation = history.operations[found->second];
    if (operation.call == KvCall::get) operation.value = unquoted(match[5]);
    history.spans[found->second].answered = time;
    open.erase(found);
  }
  return history;
}

Linearization check(const RegisterHistory& history, std::uint64_t steps_max) {
  return check_linearizable(history.spans, RegisterModel(history.operations), steps_max);
}

Linearization check(const KvHistory& history, std::uint64_t steps_max) {
  std::map<std::string, KvHistory> keys;
  for (std::size_t i = 0; i < history.spans.size(); ++i) {
    KvHistory& part = keys[history.operations[i].key];
    part.spans.push_back(history.spans[i]);
    part.operations.push_back(history.operations[i]);
  }
  // One key that cannot be explained settles the whole, and some keys are far cheaper to refute than others:
  // so all get a short search before any gets a long one.
  Linearization whole;
  for (std::uint64_t limit = kFirstSteps;; limit *= 10) {
    limit = std::min(limit, steps_max);
    whole.verdict = Verdict::linearizable;
    for (const auto& [key, part] : keys) {
      Linearization one = check_linearizable(part.spans, KvModel(part.operations), limit);
      whole.steps += one.steps;
      if (one.verdict == Verdict::violated) return one;
      if (one.verdict == Verdict::unknown) whole.verdict = Verdict::unknown;
    }
    if (whole.verdict == Verdict::linearizable || limit == steps_max) return whole;
  }
}

}  // namespace cairn::sim
