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
#include "api/member_fixture.h"
#include "cli/context.h"
#include "cli/input.h"
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
  result.code = run_cli(args, in, out, err, {.run = no_server, .config = no_server});
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
                                "http://", ",", "http://127.0.0.1:1,nonsense", "http://a/b:1", ""}) {
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
  EXPECT_EQ(run({"ls", "--limit", "-1"}).err,
            "error: ls: --limit: '-1' is not a whole number of 0 or more\nhint: cairn help ls\n");
  EXPECT_NE(run({"ls", "--limit", "99999999999999999999"}).err.find("of 63 bits"), std::string::npos);
  EXPECT_EQ(run({"put", "a", "1", "--timeout", "soon"}).code, kExitUsage);
}

TEST(Cli, UsageErrorsAreWordsForPeople) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> all = {
      {{"get"}, "get: KEY is missing"},
      {{"get", "a", "b"}, "get: 'b' is one argument too many"},
      {{"get", "a", "--nothing"}, "get: there is no flag --nothing"},
      {{"get", "a", "--timeout"}, "get: --timeout needs a value: SECONDS"},
      {{"put", "a", "1", "--id"}, "put: --id needs a value"},
      {{"get", "a", "--rev", "1", "--rev", "2"}, "get: --rev is given more than once"},
      {{"get", "a", "-w", "xml"}, "get: --write-out: 'xml' is none of human, json, table"},
      {{"get", "a", "--rev", "1.5"}, "get: --rev: '1.5' is not a whole number of 0 or more"},
      {{"--timeout", "get", "a"}, "--timeout needs a value before 'get'"},
      {{"--endpoints"}, "--endpoints needs a value"},
      {{"-w", "json"}, "no command behind -w"},
      {{"--rev", "3", "get", "a"},
       "--rev is no flag that every command has: write it behind the command: cairn COMMAND ... --rev"},
  };
  for (const auto& [args, words] : all) {
    const Finished done = run(args);
    EXPECT_EQ(done.code, kExitUsage) << words;
    EXPECT_EQ(done.err.substr(0, done.err.find('\n')), "error: " + words);
  }
  EXPECT_NE(run({"put", "a", "-x"}).err.find("cairn put ... -- -x"), std::string::npos);
  EXPECT_NE(run({"LS"}).err.find("did you mean 'cairn ls'?"), std::string::npos);
  EXPECT_NE(run({"delete", "a"}).err.find("did you mean 'cairn del'?"), std::string::npos);
}

TEST(Cli, HelpSaysNoTypesAndFitsATerminal) {
  for (const char* const command : {"put", "get", "del", "cas", "ls", "batch", "status", "members", "member",
                                    "bench", "demo", "inspect", "snapshot", "cert", "version"}) {
    const std::string help = run({"help", command}).out;
    for (const char* const type : {" TEXT", " INT", " FLOAT", "REQUIRED", "=3", "=human"})
      EXPECT_EQ(help.find(type), std::string::npos) << command << ": " << type;
    std::istringstream lines(help.substr(0, help.find("Examples:")));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_NE(run({"help", "demo"}).out.find("members to start, 1 to 9 (default: 3)"), std::string::npos);
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
  EXPECT_EQ(run({"config", "show", "--name", "n1"}).code, 43);
  EXPECT_EQ(run({"help", "config"}).code, 41);
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

TEST(Cli, LocalFilesThatCannotBeReadExitWith5AndSayWhy) {
  for (const auto& command :
       {std::vector<std::string>{"put", "a", "--file"}, std::vector<std::string>{"batch"}}) {
    const auto of = [&command](const std::string& path) {
      std::vector<std::string> args = command;
      args.push_back(path);
      Finished done = run(args);
      EXPECT_EQ(done.code, kExitLocalIo) << done.err;
      EXPECT_NE(done.err.find("nothing is written"), std::string::npos) << done.err;
      return done.err;
    };
    EXPECT_EQ(of("/no such/file").find("error: cannot read /no such/file: No such file or directory"), 0U);
    EXPECT_EQ(of(".").find("error: cannot read .: it is a folder, not a file"), 0U);
  }
  const Finished large = run({"put", "a", "-"}, std::string(kValueBytesMax + 1, 'x'));
  EXPECT_EQ(large.code, kExitLocalIo);
  EXPECT_NE(large.err.find("a value has 32 MiB at most"), std::string::npos) << large.err;
}

TEST_F(CliOnServer, AKeyOrValueMayBeTheWordOfACommand) {
  EXPECT_EQ(at({"put", "k", "get"}).code, kExitOk) << "and not a put of what is piped in";
  EXPECT_EQ(at({"get", "k"}).out, "get");
  EXPECT_EQ(at({"put", "status", "members"}).code, kExitOk);
  EXPECT_EQ(at({"get", "status"}).out, "members");
  EXPECT_EQ(at({"ls", "status"}).out, "status\n");
  EXPECT_EQ(run({"version", "put"}).err,
            "error: version: 'put' is one argument too many\nhint: cairn help version\n");
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
  EXPECT_EQ(run({"-w=json", "--endpoints=" + endpoint, "get", "a"}).code, kExitOk);
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

TEST_F(CliOnServer, ListsAnyRangeInAnyOrderOfAnyRevision) {
  for (const char* each : {"c", "a", "b"}) at({"put", each, std::string(each) + "!"});
  at({"put", "a", "z"});
  EXPECT_EQ(at({"ls", "--from", "a", "--to", "c"}).out, "a\nb\n");
  EXPECT_EQ(at({"ls", "--from", "b"}).out, "b\nc\n");
  EXPECT_EQ(at({"ls", "--count"}).out, "3\n");
  EXPECT_EQ(at({"ls", "--count", "--rev", "2"}).out, "1\n");
  EXPECT_EQ(Json::parse(at({"ls", "c", "--count", "-w", "json"}).out)["count"], 1);
  EXPECT_EQ(at({"ls", "--rev", "4", "-l"}).out, "a\ta!\nb\tb!\nc\tc!\n");
  EXPECT_EQ(at({"ls", "--sort", "create"}).out, "c\na\nb\n");
  EXPECT_EQ(at({"ls", "--sort", "mod", "--descending", "--limit", "2"}).out, "a\nb\n");
  EXPECT_EQ(at({"ls", "--sort", "value"}).out, "b\nc\na\n");
  EXPECT_EQ(at({"ls", "--sort", "version", "--descending", "--keys-only"}).out, "a\nb\nc\n");
  EXPECT_EQ(at({"ls", "--descending"}).out, "c\nb\na\n");
}

TEST_F(CliOnServer, TablesAreAligned) {
  at({"put", "a", "1"});
  at({"put", "\xc3\xa4\xc3\xb6", "x\ty"});
  EXPECT_EQ(at({"ls", "-w", "table"}).out,
            "KEY  CREATE  MOD  VERSION  VALUE\n"
            "a    2       2    1        1\n"
            "\xc3\xa4\xc3\xb6   3       3    1        x\\ty\n");
  EXPECT_EQ(at({"ls", "a", "-w", "table", "--keys-only"}).out,
            "KEY  CREATE  MOD  VERSION\na    2       2    1\n");
  EXPECT_EQ(at({"get", "a", "-w", "table"}).out,
            "KEY  CREATE  MOD  VERSION  VALUE\na    2       2    1        1\n");
  at({"put", "a", std::string(100, 'v')});
  EXPECT_NE(at({"get", "a", "-w", "table"}).out.find(std::string(40, 'v') + "... (100 bytes)\n"),
            std::string::npos);
  EXPECT_EQ(at({"status", "-w", "table"}).code, kExitUsage) << "it is one already";
}

TEST(Cli, ListsThatContradictThemselvesAreRefused) {
  const std::vector<std::vector<std::string>> all = {{"a", "--from", "b"},
                                                     {"--from", "b", "--to", "b"},
                                                     {"--to", ""},
                                                     {"-l", "--keys-only"},
                                                     {"--count", "-l"},
                                                     {"--count", "--limit", "3"},
                                                     {"--count", "--sort", "mod"},
                                                     {"--count", "-w", "table"}};
  for (std::vector<std::string> args : all) {
    args.insert(args.begin(), "ls");
    EXPECT_EQ(run(args).code, kExitUsage) << args[1];
  }
}

// What ls -l -w json prints is what batch reads, whatever bytes there are.
TEST_F(CliOnServer, AListIsABatch) {
  at({"put", "text", "line\nline"});
  at({"put", "bytes", "-"}, std::string("\0\xff", 2));
  at({"put", "\xff\xfe", "key of bytes"});
  const Finished listed = at({"ls", "-l", "-w", "json"});
  const std::string before = at({"ls", "-l"}).out;
  for (const char* each : {"text", "bytes", "\xff\xfe"}) at({"del", each});
  EXPECT_EQ(at({"ls"}).out, "");
  EXPECT_EQ(at({"batch"}, listed.out).code, kExitOk);
  EXPECT_EQ(at({"ls", "-l"}).out, before);
  const Finished keys = at({"batch"}, at({"ls", "-w", "json"}).out);
  EXPECT_NE(keys.err.find("cairn ls -l -w json lists values, too"), std::string::npos) << keys.err;
  // Such a field beside an op is none of its.
  EXPECT_EQ(at({"batch"}, R"({"op":"put","key":"a","value":"1","version":2})").code, kExitUsage);
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

TEST_F(CliOnServer, AChangeOfTheMembersThatMayHaveBeenMadeIsLookedFor) {
  const std::string id = Json::parse(at({"member", "list", "-w", "json"}).out)["members"][0]["id"];
  const std::string url = Json::parse(at({"member", "list", "-w", "json"}).out)["members"][0]["peer_urls"][0];
  member.change_outcome.kind = node::MembershipOutcome::Kind::unknown;
  const Finished made = at({"member", "update", id + "=" + url, "--yes"});  // so it is
  EXPECT_EQ(made.code, kExitOk) << made.err;
  EXPECT_NE(made.out.find("done"), std::string::npos) << made.out;
  for (const std::vector<std::string>& change : std::vector<std::vector<std::string>>{
           {"update", id + "=http://elsewhere:1"}, {"add", "n9=http://n9:1"}}) {
    std::vector<std::string> args = {"member"};
    args.insert(args.end(), change.begin(), change.end());
    args.emplace_back("--yes");
    const Finished unknown = at(args);
    EXPECT_EQ(unknown.code, kExitUnreachable) << change[0];
    EXPECT_NE(unknown.err.find("it is not known whether the members were changed"), std::string::npos);
    EXPECT_NE(unknown.err.find("cairn member list tells"), std::string::npos) << unknown.err;
  }
  EXPECT_EQ(member.changes.size(), 3u);
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
