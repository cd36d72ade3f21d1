#include "cli/cli.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "api/api.h"
#include "api/fake_member.h"
#include "cli/context.h"
#include "etcd/reasons.h"
#include "rpc/server.h"

namespace cairn::cli {
namespace {

using Json = nlohmann::json;

struct Finished {
  int code = 0;
  std::string out, err;
};

int no_server(const std::vector<std::string>& args) { return 40 + static_cast<int>(args.size()); }

Finished run(std::vector<std::string> args, const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out, err;
  Finished result;
  result.code = run_cli(args, in, out, err, no_server);
  result.out = out.str();
  result.err = err.str();
  return result;
}

// A real server on a real socket, over a member without a cluster.
struct CliOnServer : testing::Test {
  boost::asio::io_context io;
  api::FakeMember member{mvcc::Limits{}};
  api::Api handler{{.name = "n1"}, member};
  std::unique_ptr<rpc::Server> server;
  std::thread thread;
  std::string endpoint;

  void SetUp() override {
    server = std::make_unique<rpc::Server>(io, rpc::Limits{}, handler);
    const auto port = server->listen("127.0.0.1", 0);
    ASSERT_TRUE(port) << port.error().message;
    endpoint = "http://127.0.0.1:" + std::to_string(*port);
    thread = std::thread([this] { io.run(); });
  }
  void TearDown() override {
    boost::asio::post(io, [this] { server->close(); });
    io.stop();
    thread.join();
  }
  Finished at(std::vector<std::string> args, const std::string& input = "") {
    args.insert(args.end(), {"--endpoints", endpoint});
    return run(std::move(args), input);
  }
};

TEST(Cli, EndpointsAreCheckedBeforeAnythingIsSent) {
  for (const char* const bad : {"nonsense", "ftp://a:1", "http://127.0.0.1:99999", "http://127.0.0.1:0",
                                "http://", ",", "http://127.0.0.1:1,nonsense", "http://a/b:1"}) {
    const Finished done = run({"get", "k", "--endpoints", bad});
    EXPECT_EQ(done.code, kExitUsage) << bad;
    EXPECT_NE(done.err.find("error: "), std::string::npos) << bad;
    EXPECT_NE(done.err.find("endpoint"), std::string::npos) << done.err;
  }
}

TEST(Cli, UsageErrorsExitWith2AndSaySoOnce) {
  EXPECT_EQ(run({}).code, kExitUsage);
  const Finished unknown = run({"pit", "a", "1"});
  EXPECT_EQ(unknown.code, kExitUsage);
  EXPECT_EQ(unknown.err, "error: unknown command 'pit'\nhint: did you mean 'cairn put'?\n");
  EXPECT_EQ(unknown.out, "");
  const Finished flag = run({"get", "a", "--consistancy", "local"});
  EXPECT_EQ(flag.code, kExitUsage);
  EXPECT_NE(flag.err.find("did you mean --consistency?"), std::string::npos) << flag.err;
  EXPECT_EQ(run({"get"}).code, kExitUsage);
  EXPECT_EQ(run({"put", "a"}).code, kExitUsage);
  EXPECT_EQ(run({"cas", "a", "1"}).code, kExitUsage);
  EXPECT_EQ(run({"cas", "a", "1", "--create", "--expect", "0"}).code, kExitUsage);
  EXPECT_EQ(run({"get", "a", "-w", "xml"}).code, kExitUsage);
  EXPECT_EQ(run({"del", "", "--prefix"}).code, kExitUsage);
  EXPECT_EQ(run({"bench", "nothing"}).code, kExitUsage);
}

TEST(Cli, NumbersOutOfRangeAreRefusedInWords) {
  EXPECT_EQ(run({"bench", "put", "--streams", "0"}).err,
            "error: bench: --streams: '0' is not a number from 1 to 1000\nhint: cairn help bench\n");
  EXPECT_EQ(run({"ls", "--limit", "-1"}).err, "error: ls: --limit: -1 is negative\nhint: cairn help ls\n");
  EXPECT_EQ(run({"put", "a", "1", "--timeout", "soon"}).code, kExitUsage);
}

TEST(Cli, LocalCommandsKnowNoEndpoints) {
  EXPECT_EQ(run({"version", "--endpoints", "http://127.0.0.1:1"}).code, kExitUsage);
  EXPECT_EQ(run({"help", "demo"}).out.find("--endpoints"), std::string::npos);
  EXPECT_NE(run({"help", "get"}).out.find("--endpoints"), std::string::npos);
}

TEST(Cli, HelpLeadsWithExamples) {
  EXPECT_EQ(run({"help"}).code, kExitOk);
  const Finished put = run({"help", "put"});
  EXPECT_EQ(put.code, kExitOk);
  EXPECT_NE(put.out.find("cairn put greeting hello"), std::string::npos);
  EXPECT_EQ(put.err, "");
  EXPECT_EQ(run({"put", "--help"}).out, put.out);
  EXPECT_EQ(run({"help", "nope"}).code, kExitUsage);
  EXPECT_EQ(run({"version"}).out, "cairn 0.1.0\n");
}

TEST(Cli, SizesAreSaidInUnits) {
  EXPECT_EQ(in_units(0), "0 B");
  EXPECT_EQ(in_units(1023), "1023 B");
  EXPECT_EQ(in_units(1024), "1.0 KiB");
  EXPECT_EQ(in_units(1536), "1.5 KiB");
  EXPECT_EQ(in_units(10'240), "10 KiB");
  EXPECT_EQ(in_units((10 << 10) - 1), "10 KiB") << "not 10.0";
  EXPECT_EQ(in_units((1 << 20) - 1), "1.0 MiB") << "not 1024 KiB";
  EXPECT_EQ(in_units(std::uint64_t{64} << 20), "64 MiB");
  EXPECT_EQ(in_units(std::uint64_t{5} << 40), "5.0 TiB");
  EXPECT_EQ(in_units(std::uint64_t{5000} << 40), "5000 TiB");
}

TEST(Cli, TheServerGetsItsArgumentsUntouched) {
  EXPECT_EQ(run({"server", "--name", "n1"}).code, 42);
  EXPECT_EQ(run({"help", "server"}).code, 41);
}

TEST(Cli, RefusedConnectionsAreReportedAtOnceWithANextStep) {
  const Finished refused = run({"get", "a", "--endpoints", "http://127.0.0.1:1"});
  EXPECT_EQ(refused.code, kExitUnreachable);
  EXPECT_NE(refused.err.find("http://127.0.0.1:1"), std::string::npos);
  EXPECT_NE(refused.err.find("hint: "), std::string::npos);
  const Finished json = run({"get", "a", "--endpoints", "http://127.0.0.1:1", "-w", "json"});
  EXPECT_EQ(Json::parse(json.err)["error"]["code"], "unreachable");
  EXPECT_EQ(run({"status", "--endpoints", "http://127.0.0.1:1"}).code, kExitUnreachable);
}

TEST(Cli, LocalFilesThatCannotBeReadExitWith5) {
  EXPECT_EQ(run({"put", "a", "--file", "/nonexistent/file"}).code, kExitLocalIo);
  EXPECT_EQ(run({"put", "a", "--file", "."}).code, kExitLocalIo) << "a folder";
}

TEST_F(CliOnServer, PutGetDelAndTheMissingKey) {
  EXPECT_EQ(at({"put", "a b/c", "1"}).out, "revision 2\n");
  const Finished get = at({"get", "a b/c"});
  EXPECT_EQ(get.code, kExitOk);
  EXPECT_EQ(get.out, "1");  // exact bytes
  EXPECT_EQ(Json::parse(at({"get", "a b/c", "-w", "json"}).out)["mod_revision"], 2);
  const Finished missing = at({"get", "nope"});
  EXPECT_EQ(missing.code, kExitNegative);
  EXPECT_EQ(missing.err, "error: key not found\n");
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(at({"get", "nope", "--missing-ok"}).code, kExitOk);
  EXPECT_EQ(at({"del", "a b/c"}).out, "deleted 1\n");
  EXPECT_EQ(at({"del", "a b/c"}).code, kExitNegative);
  const Finished json = at({"del", "a b/c", "-w", "json"});  // an answer or an error, not both
  EXPECT_EQ(json.out, "");
  EXPECT_EQ(Json::parse(json.err)["error"]["code"], "key_not_found");
}

TEST_F(CliOnServer, ValuesFromStandardInputAreBinarySafe) {
  const std::string value("\0\xff\n\r", 4);
  EXPECT_EQ(at({"put", "k", "-"}, value).code, kExitOk);
  EXPECT_EQ(at({"get", "k"}).out, value);
}

TEST_F(CliOnServer, CasTakesItsValueFromStandardInput) {
  EXPECT_EQ(at({"cas", "k", "-", "--create"}, "from stdin").code, kExitOk);
  EXPECT_EQ(at({"get", "k"}).out, "from stdin");
}

// What a line says and nobody knows would be without effect.
TEST_F(CliOnServer, BatchUnderstandsALineInFullOrNotAtAll) {
  for (const char* const line :
       {R"({"op":"del","key":"a","prefix":true})", R"({"op":"put","key":"a","value":"1","lease":7})",
        R"({"op":"del","key":"a","value":"1"})", R"({"op":"put","key":"a","key":"b","value":"1"})"})
    EXPECT_EQ(at({"batch"}, line).code, kExitUsage) << line;
  EXPECT_EQ(at({"get", "a"}).code, kExitNegative);
  const Finished one = at({"batch"}, R"({"op":"put","key":"a","value":"1"})");
  EXPECT_EQ(one.out.find("1 operation in 1 transaction, "), 0u) << one.out;
}

TEST_F(CliOnServer, BatchReadsAFileToo) {
  const std::string path = testing::TempDir() + "cairn_batch.jsonl";
  std::ofstream(path) << R"({"op":"put","key":"f","value":"1"})"
                      << "\n";
  EXPECT_EQ(at({"batch", path}).code, kExitOk);
  std::remove(path.c_str());
  EXPECT_EQ(at({"get", "f"}).out, "1");
  for (const std::string& none : {path, testing::TempDir()}) {
    const Finished done = at({"batch", none});
    EXPECT_EQ(done.code, kExitLocalIo) << done.err;
    EXPECT_NE(done.err.find("read"), std::string::npos) << done.err;
  }
}

TEST_F(CliOnServer, FlagsOfEveryCommandMayStandBeforeIt) {
  EXPECT_EQ(run({"--endpoints", endpoint, "put", "a", "1"}).code, kExitOk);
  EXPECT_EQ(run({"-w", "json", "--timeout=3", "--endpoints=" + endpoint, "get", "a"}).out.substr(0, 9),
            R"({"key":"a)");
  EXPECT_EQ(run({"--endpoints", endpoint}).code, kExitUsage);
  EXPECT_EQ(run({"--enpoints", endpoint, "get", "a"}).code, kExitUsage);
}

TEST_F(CliOnServer, CasSaysNoWith1) {
  EXPECT_EQ(at({"cas", "a", "1", "--create"}).code, kExitOk);
  EXPECT_EQ(at({"cas", "a", "2", "--create"}).code, kExitNegative);
  EXPECT_EQ(at({"cas", "a", "2", "--expect", "1"}).code, kExitOk);
  EXPECT_EQ(at({"cas", "a", "3", "--expect-revision", "2"}).code, kExitNegative);
  EXPECT_EQ(at({"cas", "a", "3", "--expect-revision", "3"}).code, kExitOk);
}

TEST_F(CliOnServer, BatchGroupsAndListsComeBack) {
  std::string lines;
  for (int i = 0; i < 300; ++i)
    lines += R"({"op":"put","key":"k)" + std::to_string(1000 + i) + R"(","value":"v"})" + "\n";
  lines += R"({"op":"del","key":"k1000"})";
  const Finished batch = at({"batch", "-w", "json"}, lines);
  ASSERT_EQ(batch.code, kExitOk) << batch.err;
  const Json summary = Json::parse(batch.out);
  EXPECT_EQ(summary["operations"], 301);
  EXPECT_EQ(summary["transactions"], 3);
  const Finished list = at({"ls", "k"});
  EXPECT_EQ(std::count(list.out.begin(), list.out.end(), '\n'), 299);
  EXPECT_EQ(at({"ls", "k", "--limit", "1"}).out, "k1001\n");
  EXPECT_EQ(at({"ls", "k", "--limit", "1", "-l"}).out, "k1001\tv\n");
}

TEST_F(CliOnServer, BatchTwiceWithOneIdAppliesOnce) {
  const std::string line = R"({"op":"put","key":"k","value":"v"})";
  at({"batch", "--id", "import"}, line);
  EXPECT_EQ(at({"batch", "--id", "import"}, line).code, kExitOk);
  EXPECT_EQ(Json::parse(at({"get", "k", "-w", "json"}).out)["version"], 1);
}

TEST_F(CliOnServer, BatchNamesTheLineThatIsWrong) {
  const Finished wrong = at({"batch"}, "{\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n{\"op\":\"put\"}\n");
  EXPECT_EQ(wrong.code, kExitUsage);
  EXPECT_NE(wrong.err.find("line 2 has no \"key\""), std::string::npos) << wrong.err;
  // One JSON object, and in it how to go on.
  const Finished json = at({"batch", "--id", "mine", "-w", "json"}, "nonsense");
  const std::string hint = Json::parse(json.err)["error"]["hint"];
  EXPECT_NE(hint.find("the same input with --id mine"), std::string::npos) << hint;
}

TEST_F(CliOnServer, RefusalsOfTheServerExitWith4) {
  EXPECT_EQ(at({"get", "a", "--rev", "99"}).code, kExitRefused);
  EXPECT_EQ(at({"put", "", "x"}).code, kExitRefused);
}

TEST_F(CliOnServer, AWriteWithoutAnAnswerIsReportedAsUnknown) {
  member.refuse_writes = etcd::error_of(Reason::timed_out);
  const Finished run = at({"put", "a", "1", "--timeout", "0.1", "-w", "json"});
  EXPECT_EQ(run.code, kExitUnreachable);
  EXPECT_EQ(Json::parse(run.err)["error"]["code"], "outcome_unknown");
}

TEST(CliText, KeysStayOnTheirLine) {
  EXPECT_EQ(printable(std::string("a\n\0\x7f\\", 5)), "a\\n\\x00\\x7f\\\\");
  EXPECT_EQ(table({{"A", "BB"}, {"ccc", "d"}}), "A    BB\nccc  d\n");
}

}  // namespace
}  // namespace cairn::cli
