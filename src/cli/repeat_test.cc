#include "cli/repeat.h"

#include <gtest/gtest.h>

#include <string>

namespace cairn::cli {
namespace {

TEST(Repeat, QuotesForTheShell) {
  EXPECT_EQ(shell_quoted("http://127.0.0.1:2379,b=c"), "http://127.0.0.1:2379,b=c");
  EXPECT_EQ(shell_quoted("it's 2"), "'it'\\''s 2'");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("$x"), "'$x'");
}

TEST(Repeat, TheSameCommandUnderItsKey) {
  EXPECT_EQ(repeat_command({"put", "a", "1 2", "-w", "json"}, "k-1"), "cairn put a '1 2' -w json --id k-1");
  EXPECT_EQ(repeat_command({"put", "--id", "old", "a", "1", "--id=older"}, "k"), "cairn put a 1 --id k");
  EXPECT_EQ(repeat_command({"put", "--", "-a", "-1"}, "k"), "cairn put --id k -- -a -1");
  EXPECT_EQ(repeat_command({"put", "a", "-"}, "k"), "cairn put a - --id k (with the same standard input)");
  EXPECT_EQ(repeat_command({"batch", "file"}, "k"), "cairn batch file --id k");
  EXPECT_EQ(repeat_command({"batch", "-w", "json"}, "k"),
            "cairn batch -w json --id k (with the same standard input)");
}

}  // namespace
}  // namespace cairn::cli
