#include "observe/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

namespace cairn {
namespace {

struct LogTest : testing::Test {
  std::vector<std::string> lines;

  void listen(LogFormat format, LogLevel level = LogLevel::debug) {
    configure_log({.level = level, .format = format, .sink = [this](std::string_view line) {
                     lines.emplace_back(line);
                   }});
  }
  ~LogTest() override { configure_log({}); }
};

TEST_F(LogTest, JsonLineHasTheShapeOfZap) {
  listen(LogFormat::json);
  log_info("became leader",
           {{"term", 7}, {"member", "n1"}, {"learner", false}, {"took", 0.5}, {"id", ~std::uint64_t{0}}});
  ASSERT_EQ(lines.size(), 1u);
  const std::string expected =
      R"({"level":"info","ts":"dddd-dd-ddTdd:dd:dd.dddZ","caller":"observe/log_test.cc:dd","msg":"became leader",)"
      R"("term":7,"member":"n1","learner":false,"took":0.5,"id":18446744073709551615})";
  std::string shape = lines[0];  // the digits of time and place vary
  for (std::size_t i = 0; i < shape.find("\"msg\""); ++i) {
    if (shape[i] >= '0' && shape[i] <= '9') shape[i] = 'd';
  }
  EXPECT_EQ(shape, expected);
}

TEST_F(LogTest, AnyBytesMakeValidJsonOnOneLine) {
  listen(LogFormat::json);
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  const std::string unicode = "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
  log_warn(every,
           {{"every", every}, {"unicode", unicode}, {"nan", std::numeric_limits<double>::quiet_NaN()}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
  const auto json = nlohmann::json::parse(lines[0], nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << lines[0];
  EXPECT_EQ(json["unicode"], unicode);
  EXPECT_EQ(json["every"].get<std::string>().substr(0, 128), every.substr(0, 128));
}

TEST_F(LogTest, TextFormQuotesOnlyWhatNeedsIt) {
  listen(LogFormat::text);
  log_error("cannot connect", {{"peer", "n2"}, {"why", "connection refused"}, {"empty", ""}, {"attempt", 3}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].substr(lines[0].find(' ')),
            R"( error cannot connect peer=n2 why="connection refused" empty="" attempt=3)");
}

TEST_F(LogTest, TextMessageStaysOnOneLine) {
  listen(LogFormat::text);
  log_info("one\ntwo", {{"key", "a\nb"}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  listen(LogFormat::json, LogLevel::warn);
  log_debug("a");
  log_info("b");
  log_warn("c");
  log_error("d");
  EXPECT_EQ(lines.size(), 2u);
  set_log_level(LogLevel::debug);
  log_debug("e");
  EXPECT_EQ(lines.size(), 3u);
}

TEST_F(LogTest, LevelsHaveEtcdsNames) {
  for (const char* name : {"debug", "info", "warn", "error"}) EXPECT_EQ(name_of(*log_level_from(name)), name);
  EXPECT_FALSE(log_level_from("trace").has_value());
}

TEST(Log, EveryLineSaysWhoseItIsOnceThatIsKnown) {
  std::vector<std::string> lines;
  configure_log(
      {.format = LogFormat::json, .sink = [&](std::string_view line) { lines.emplace_back(line); }});
  log_info("before");
  set_log_member("00000000000000ab");
  log_info("after", {{"n", 1}});
  configure_log(
      {.format = LogFormat::text, .sink = [&](std::string_view line) { lines.emplace_back(line); }});
  set_log_member("00000000000000ab");
  log_info("text");
  configure_log({});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].find("local-member-id"), std::string::npos);
  EXPECT_NE(lines[1].find(R"("msg":"after","local-member-id":"00000000000000ab","n":1})"), std::string::npos)
      << lines[1];
  EXPECT_TRUE(lines[2].ends_with("text local-member-id=00000000000000ab")) << lines[2];
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Log, FilesAreOpenedAnewAndAFailureChangesNothing) {
  const std::string path = testing::TempDir() + "cairn_log_test.log", moved = path + ".1";
  std::remove(path.c_str());
  configure_log({.format = LogFormat::text, .sink = {}});
  ASSERT_TRUE(write_log_to({path}).has_value());
  log_info("first");
  ASSERT_EQ(std::rename(path.c_str(), moved.c_str()), 0);
  log_info("second");
  ASSERT_TRUE(write_log_to({path}).has_value());
  log_info("third");
  const Status failed = write_log_to({path, testing::TempDir()});
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().message.find("cannot write the log: "), std::string::npos)
      << failed.error().message;
  log_info("fourth");
  ASSERT_TRUE(write_log_to({path}).has_value());
  log_info("fifth");
  configure_log({});
  EXPECT_NE(text_of(moved).find("second\n"), std::string::npos);
  const std::string text = text_of(path);
  EXPECT_EQ(text.find("second"), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << "appended to, and nothing is lost: " << text;
  std::remove(path.c_str());
  std::remove(moved.c_str());
}

}  // namespace
}  // namespace cairn
