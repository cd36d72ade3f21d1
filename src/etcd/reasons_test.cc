#include "etcd/reasons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/source_dir.h"

namespace cairn::etcd {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(std::string(test::kSourceDir) + "/" + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << path;
  return lines;
}

std::vector<Row> rows() {
  std::vector<Row> all;
  for (int i = 1; i < static_cast<int>(Reason::end); ++i) all.push_back(row_of(static_cast<Reason>(i)));
  return all;
}

std::string name_of(Code code) {
  const std::map<Code, std::string> names = {{Code::unknown, "Unknown"},
                                             {Code::invalid_argument, "InvalidArgument"},
                                             {Code::not_found, "NotFound"},
                                             {Code::resource_exhausted, "ResourceExhausted"},
                                             {Code::failed_precondition, "FailedPrecondition"},
                                             {Code::out_of_range, "OutOfRange"},
                                             {Code::permission_denied, "PermissionDenied"},
                                             {Code::unauthenticated, "Unauthenticated"},
                                             {Code::unavailable, "Unavailable"},
                                             {Code::data_loss, "DataLoss"}};
  return names.at(code) + " " + std::to_string(static_cast<int>(code));
}

std::string name_of(Applied applied) {
  return applied == Applied::no ? "no" : applied == Applied::unknown ? "unknown" : "before";
}

std::string documented(const Row& row) {
  return "| " + std::string(row.text) + " | " + name_of(row.code) + " | " +
         std::to_string(row.problem.status) + " `" + std::string(row.problem.code) + "` | " +
         name_of(row.applied) + " |";
}

// An error of that reason: a text has no values or two.
Error example_of(const Row& row) {
  int values = 0;
  for (std::size_t at = 0; (at = row.text.find("{}", at)) != std::string_view::npos; ++at) ++values;
  if (values == 0) return error_of(row.reason);
  return values == 1 ? error_of(row.reason, {1}) : error_of(row.reason, {1, 2});
}

TEST(Reasons, StandInTheDocumentationAsInTheTable) {
  std::vector<std::string> expected, found;
  for (const Row& row : rows()) expected.push_back(documented(row));
  for (const std::string& line : lines_of("docs/errors.md"))
    if (line.starts_with("| ") && !line.starts_with("| text ")) found.push_back(line);
  EXPECT_EQ(found, expected);
}

TEST(Reasons, TextsOfEtcdHaveEtcdsCodes) {
  const std::vector<std::string> known = lines_of("src/etcd/testdata/etcd_errors.txt");
  for (const Row& row : rows()) {
    const bool is_of_the_first =
        row.reason >= Reason::idempotency_key_too_long && row.reason <= Reason::answer_too_large;
    if (is_of_the_first || row.text.starts_with("cairn: ")) continue;  // ours
    const std::string line = std::to_string(static_cast<int>(row.code)) + " " + std::string(row.text);
    EXPECT_EQ(std::count(known.begin(), known.end(), line), 1) << line;
  }
}

TEST(Reasons, AreToldApartByWhatClientsSee) {
  std::set<std::string_view> texts;
  for (const Row& row : rows()) EXPECT_TRUE(texts.insert(row.text).second) << row.text;
}

TEST(Reasons, AreFoundAgainInBytesFromElsewhere) {
  for (const Row& row : rows()) {
    const Error error = example_of(row);
    EXPECT_EQ(error.code, row.code);
    EXPECT_EQ(error.reason, row.reason);
    const Error read = error_of(error.code, error.message);
    EXPECT_EQ(read.reason, row.reason) << read.message;
    EXPECT_EQ(read.message, error.message);
    EXPECT_EQ(reason_of(Code::internal, error.message), Reason::unnamed) << "not with another code";
    if (row.text.find("{}") != std::string_view::npos) continue;
    EXPECT_EQ(reason_of(error.code, error.message + "!"), Reason::unnamed);
  }
  EXPECT_EQ(error_of(Code::unavailable, "of a later version").reason, Reason::unnamed);
}

TEST(Reasons, ValuesStandInTheirPlaces) {
  EXPECT_EQ(error_of(Reason::idempotency_key_too_long, {300, 256}).message,
            "the idempotency key has 300 bytes, more than 256: use a shorter one");
  EXPECT_DEATH((void)error_of(Reason::idempotency_key_too_long, {300}), "");
  EXPECT_DEATH((void)error_of(Reason::no_leader, {1}), "");
}

TEST(Reasons, SayWhetherAWriteMayHaveHappened) {
  EXPECT_EQ(applied_of(error_of(Reason::no_leader)), Applied::no);
  EXPECT_EQ(applied_of(error_of(Reason::timed_out)), Applied::unknown);
  EXPECT_EQ(applied_of({Code::invalid_argument, "of no named reason"}), Applied::no);
  EXPECT_EQ(applied_of({Code::deadline_exceeded, "of no named reason"}), Applied::unknown);
  for (const Row& row : rows()) {
    const Error error = example_of(row);
    const bool unknown = row.applied == Applied::unknown;
    EXPECT_EQ(problem_of(error, true).title == "It is not known whether the write has happened", unknown)
        << row.text;
  }
}

}  // namespace
}  // namespace cairn::etcd
