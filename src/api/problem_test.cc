// What clients of REST v1 read of a refusal, byte for byte.
#include "api/problem.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "etcd/reasons.h"
#include "support/source_dir.h"

namespace cairn::api {
namespace {

// testdata/problems.txt: `read|write CODE MESSAGE`, and below it `STATUS BODY`. Messages of reasons, and of
// other members' reasons that this version does not know. Recorded before there was a table of reasons.
TEST(Problem, IsWhatItEverWasForEachMessage) {
  std::ifstream file(std::string(test::kSourceDir) + "/src/api/testdata/problems.txt");
  int seen = 0;
  for (std::string asked, expected; std::getline(file, asked) && std::getline(file, expected); ++seen) {
    std::istringstream words(asked);
    std::string kind, message;
    int code = 0;
    words >> kind >> code >> std::ws;
    std::getline(words, message);
    const Error error = etcd::error_of(static_cast<Code>(code), message);
    const rpc::HttpResponse response = to_response(problem_of(error, kind == "write"), "");
    EXPECT_EQ(std::to_string(response.status) + " " + response.body, expected + "\n") << asked;
  }
  EXPECT_EQ(seen, 70);
}

}  // namespace
}  // namespace cairn::api
