#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace cairn {
namespace {

Result<int> parse(const std::string& digit) {
  if (digit.size() != 1 || digit[0] < '0' || digit[0] > '9')
    return fail(Code::invalid_argument, "'" + digit + "' is not a digit");
  return digit[0] - '0';
}

Result<int> sum(const std::string& left, const std::string& right, int* reached) {
  const int first = TRY(parse(left));
  ++*reached;
  const int second = TRY(parse(right));
  ++*reached;
  return first + second;
}

TEST(Result, TryGivesTheValues) {
  int reached = 0;
  const Result<int> result = sum("2", "3", &reached);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, 5);
  EXPECT_EQ(reached, 2);
}

TEST(Result, TryLeavesAtTheFirstErrorAndKeepsIt) {
  int reached = 0;
  const Result<int> result = sum("2", "x", &reached);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::invalid_argument);
  EXPECT_EQ(result.error().message, "'x' is not a digit");
  EXPECT_EQ(reached, 1);
}

Status check_digit(const std::string& text) {
  TRY(parse(text));
  return {};
}

// An error crosses from one type of result to another; success of a Status carries nothing.
Result<std::string> quoted(const std::string& text) {
  TRY(check_digit(text));
  return "\"" + text + "\"";
}

TEST(Result, TryCrossesTypes) {
  EXPECT_EQ(quoted("7").value(), "\"7\"");
  EXPECT_EQ(quoted("77").error().message, "'77' is not a digit");
}

Result<std::unique_ptr<int>> make(bool works) {
  if (!works) return fail(Code::unavailable, "no");
  return std::make_unique<int>(4);
}

Result<int> unwrap(bool works) {
  const std::unique_ptr<int> made = TRY(make(works));
  return *made;
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  EXPECT_EQ(unwrap(true).value(), 4);
  EXPECT_EQ(unwrap(false).error().code, Code::unavailable);
}

Result<int> count_calls(int* calls) {
  ++*calls;
  return *calls;
}

Result<int> try_once(int* calls) { return TRY(count_calls(calls)); }

TEST(Result, TryEvaluatesItsExpressionOnce) {
  int calls = 0;
  EXPECT_EQ(try_once(&calls).value(), 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace cairn
