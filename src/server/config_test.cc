#include "server/config.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace cairn::server {
namespace {

using Args = std::vector<std::string>;

Config good(const Args& args, const Environment& environment = {}) {
  auto config = parse(args, environment);
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().message);
  return config ? *std::move(config) : Config{};
}

std::string error(const Args& args, const Environment& environment = {}) {
  const auto config = parse(args, environment);
  if (config && !config->bootstrap_problem.empty()) return config->bootstrap_problem;
  if (config) return "(accepted)";
  EXPECT_EQ(config.error().code, Code::invalid_argument);
  return config.error().message;
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << (message)

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    path = testing::TempDir() + "cairn_config_" +
           testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

TEST(Config, SingleMemberNeedsNothing) {
  const Config config = good({});
  EXPECT_EQ(config.name, "default");
  EXPECT_EQ(config.data_dir, "default.cairn");
  EXPECT_EQ(config.listen_client_urls.at(0).text, "http://localhost:2379");
  EXPECT_EQ(config.advertise_client_urls, config.listen_client_urls);
  EXPECT_EQ(config.listen_peer_urls.at(0).text, "http://localhost:2380");
  EXPECT_EQ(config.founding_wait.count(), 2000);
  ASSERT_EQ(config.initial_cluster.size(), 1u);
  EXPECT_EQ(config.initial_cluster[0].name, "default");
  EXPECT_EQ(config.initial_cluster[0].peer_urls, config.listen_peer_urls);
  EXPECT_EQ(config.election_timeout.count(), 1000);
  EXPECT_EQ(config.max_request_bytes, 1572864u);
  EXPECT_FALSE(config.existing_cluster);
}

TEST(Config, BothFormsOfAFlagAreRead) {
  EXPECT_EQ(good({"--name=n1"}).name, "n1");
  EXPECT_EQ(good({"--name", "n1"}).name, "n1");
  EXPECT_EQ(good({"--name", "n1"}).data_dir, "n1.cairn");
  EXPECT_EQ(good({"--name", "n1", "--name", "n2"}).name, "n2");
}

TEST(Config, FlagsWinOverEnvironmentOverFileOverDefault) {
  const TemporaryFile file("name = \"of-file\"\nelection-timeout = 2000\nlog-level = \"warn\"\n");
  const Environment environment = {{"ETCD_NAME", "of-etcd"}, {"CAIRN_ELECTION_TIMEOUT", "3000"}};
  const Config config = good({"--name", "of-flag", "--config-file", file.path}, environment);
  EXPECT_EQ(config.name, "of-flag");
  EXPECT_EQ(config.election_timeout.count(), 3000);
  EXPECT_EQ(config.log_level, LogLevel::warn);
  EXPECT_EQ(config.heartbeat_interval.count(), 100);
  EXPECT_EQ(good({"--config-file", file.path}).name, "of-file");
  EXPECT_EQ(good({}, {{"CAIRN_CONFIG_FILE", file.path}}).name, "of-file");
  EXPECT_EQ(good({}, {{"ETCD_NAME", "etcd"}, {"CAIRN_NAME", "cairn"}}).name, "cairn");
}

TEST(Config, OriginOfEverySettingIsKnown) {
  const Config config = good({"--name=n1"}, {{"CAIRN_LOG_LEVEL", "debug"}});
  std::map<std::string, std::string> origins;
  for (const Setting& setting : config.settings) origins[setting.name] = setting.origin;
  EXPECT_EQ(origins["name"], "--name");
  EXPECT_EQ(origins["log-level"], "CAIRN_LOG_LEVEL");
  EXPECT_EQ(origins["data-dir"], "default");
}

TEST(Config, FileMayHoldLists) {
  const TemporaryFile file("listen-client-urls = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]\n");
  EXPECT_EQ(good({"--config-file", file.path}).listen_client_urls.size(), 2u);
}

TEST(Config, UnknownFlagsAreNamedWithASuggestion) {
  EXPECT_SAYS(error({"--data-dri=x"}), "unknown flag --data-dri; did you mean --data-dir?");
  EXPECT_SAYS(error({"--intial-cluster", "x"}), "did you mean --initial-cluster?");
  EXPECT_SAYS(error({"-name", "x"}), "did you mean --name?");
  EXPECT_SAYS(error({"--completely-different"}), "--help lists the known ones");
  EXPECT_SAYS(error({"stray"}), "unexpected argument \"stray\"");
  EXPECT_SAYS(error({"--name"}), "--name");
}

TEST(Config, BadFilesAreNamedWithTheLine) {
  EXPECT_SAYS(error({"--config-file", "/nonexistent/cairn.toml"}),
              "cannot read --config-file /nonexistent/cairn.toml");
  const TemporaryFile broken("name = \"n1\"\nthis is no toml\n");
  EXPECT_SAYS(error({"--config-file", broken.path}), broken.path + ":2: not TOML");
}

TEST(Config, UnknownKeysOfAFileAreNamedWithASuggestion) {
  const TemporaryFile file("\nnmae = \"n1\"\n");
  EXPECT_SAYS(error({"--config-file", file.path}),
              file.path + ":2: nmae: unknown setting; did you mean name?");
}

TEST(Config, ValuesOfTheWrongTypeInAFileAreNamed) {
  const TemporaryFile file("name = 1.5\n");
  EXPECT_SAYS(error({"--config-file", file.path}), "must be a string");
}

TEST(Config, UrlsMustBeHttpWithHostAndPort) {
  const auto listen = [](const std::string& url) { return error({"--listen-client-urls", url}); };
  EXPECT_SAYS(listen("unix://cairn.sock"), "unix socket");
  EXPECT_SAYS(listen("ftp://127.0.0.1:2379"), "URL scheme must be http or https");
  EXPECT_SAYS(listen("127.0.0.1:2379"), "is not a URL");
  EXPECT_SAYS(listen("http://127.0.0.1"), "URL address does not have the form \"host:port\"");
  EXPECT_SAYS(listen("http://127.0.0.1:"), "\"host:port\"");
  EXPECT_SAYS(listen("http://:2379"), "\"host:port\"");
  for (const char* const port : {"0", "65536", "99999", "4294967297", "99999999999999999999"})
    EXPECT_SAYS(listen(std::string("http://127.0.0.1:") + port), "not between 1 and 65535");
  EXPECT_SAYS(listen("http://127.0.0.1:2379/path"), "must not contain a path");
  EXPECT_SAYS(listen("http://u:p@127.0.0.1:2379"), "user or password");
  EXPECT_SAYS(listen("http://127.0.0.1:1,"), "a URL is missing");
  EXPECT_SAYS(listen("http://127.0.0.1:1,http://127.0.0.1:1"), "given twice");
  EXPECT_SAYS(listen("http://example.com:2379"), "expected IP in URL for binding");
  EXPECT_SAYS(listen("nonsense"), "for --listen-client-urls");
}

TEST(Config, UrlsAreBroughtIntoOneForm) {
  EXPECT_EQ(parse_url("HTTP://LocalHost:2380")->text, "http://localhost:2380");
  EXPECT_EQ(parse_url("HTTPS://LocalHost:2380")->text, "https://localhost:2380");
  EXPECT_TRUE(parse_url("https://localhost:2380")->secure);
  const auto six = parse_url("http://[::1]:2380");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->text, "http://[::1]:2380");
  EXPECT_EQ(six->port, 2380);
}

TEST(Config, AWildcardMustBeAdvertisedAsSomethingReachable) {
  EXPECT_SAYS(error({"--listen-client-urls", "http://0.0.0.0:2379"}), "--advertise-client-urls is required");
  EXPECT_SAYS(error({"--listen-peer-urls", "http://0.0.0.0:2380"}),
              "--initial-advertise-peer-urls is required");
  const Config config =
      good({"--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", "http://n1:2379"});
  EXPECT_EQ(config.advertise_client_urls.at(0).text, "http://n1:2379");
}

TEST(Config, InitialClusterMustHoldThisMember) {
  const std::string message = error({"--name", "n4", "--initial-cluster", "n1=http://a:1,n2=http://b:1"});
  EXPECT_SAYS(message, "couldn't find local name \"n4\" in the initial cluster configuration");
  EXPECT_SAYS(message, "n1,n2");
}

TEST(Config, InitialClusterGivesOwnPeerUrlsUnlessToldOtherwise) {
  const Config config =
      good({"--name", "n2", "--initial-cluster", "n1=http://a:1,n2=http://b:1,n2=http://b:2"});
  EXPECT_EQ(config.initial_cluster.size(), 2u);
  EXPECT_EQ(sorted_texts(config.initial_advertise_peer_urls),
            (std::vector<std::string>{"http://b:1", "http://b:2"}));
}

TEST(Config, AdvertisedPeerUrlsMustMatchTheInitialCluster) {
  EXPECT_SAYS(
      error({"--name", "n1", "--initial-cluster", "n1=http://a:1", "--initial-advertise-peer-urls",
             "http://b:1"}),
      "--initial-cluster has n1=http://a:1 but missing from --initial-advertise-peer-urls=http://b:1");
  EXPECT_SAYS(
      error({"--name", "n1", "--initial-cluster", "n1=http://a:1", "--initial-advertise-peer-urls",
             "http://a:1,http://b:1"}),
      "--initial-advertise-peer-urls has http://b:1 but missing from --initial-cluster=n1=http://a:1");
}

TEST(Config, MalformedInitialClusterIsExplained) {
  EXPECT_SAYS(error({"--initial-cluster", "http://a:1"}), "is not NAME=URL");
  EXPECT_SAYS(error({"--initial-cluster", "default=http://a:1,"}), "is not NAME=URL");
  EXPECT_SAYS(error({"--initial-cluster", "default=nonsense"}), "is not a URL");
  EXPECT_SAYS(error({"--initial-cluster", "default=http://a:1,n2=http://a:1"}),
              "duplicate peer URL http://a:1");
}

TEST(Config, ElectionTimeoutFollowsEtcdsRules) {
  EXPECT_EQ(error({"--heartbeat-interval", "300"}),
            "--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[300ms]");
  EXPECT_EQ(error({"--election-timeout", "50001"}),
            "--election-timeout[50001ms] is too long, and should be set less than 50000ms");
  EXPECT_EQ(error({"--heartbeat-interval=0"}), "--heartbeat-interval must be >0 (set to 0ms)");
  EXPECT_EQ(error({"--election-timeout=-5"}), "--election-timeout must be >0 (set to -5ms)");
  EXPECT_SAYS(error({"--election-timeout=1s"}), "whole number of milliseconds");
  EXPECT_SAYS(error({"--election-timeout=99999999999999999999"}), "whole number of milliseconds");
}

TEST(Config, SizesHaveUnitsAndRanges) {
  EXPECT_EQ(good({"--snapshot-log-bytes", "1GiB"}).snapshot_log_bytes, std::uint64_t{1} << 30);
  EXPECT_EQ(good({"--cors", "http://a:1, https://b"}).cors_origins,
            (std::vector<std::string>{"http://a:1", "https://b"}));
  EXPECT_EQ(good({"--cors", "*"}).cors_origins, std::vector<std::string>{"*"});
  for (const char* const bad : {"a", "http://a/path", "ftp://a", "http://"})
    EXPECT_SAYS(error({"--cors", bad}), "is no origin");
  EXPECT_SAYS(error({"--cors", "http://a,,http://b"}), "a name is missing between the commas");
  EXPECT_EQ(good({"--max-request-bytes", "2097152"}).max_request_bytes, 2097152u);
  EXPECT_SAYS(error({"--max-request-bytes", "10"}), "must be between 1024 and");
  EXPECT_SAYS(error({"--max-request-bytes", "64MB"}), "64MiB");
  EXPECT_SAYS(error({"--max-request-bytes", "nan"}), "must be a size");
  EXPECT_SAYS(error({"--max-request-bytes", ""}), "max-request-bytes");
}

TEST(Config, LoginsLastAndPasswordsCostAsEtcdsDo) {
  EXPECT_EQ(good({}).token_idle_max, std::chrono::seconds(300));
  EXPECT_EQ(good({}).bcrypt_cost, 10);
  EXPECT_EQ(good({"--auth-token", "simple", "--auth-token-ttl", "7"}).token_idle_max,
            std::chrono::seconds(7));
  EXPECT_EQ(good({"--bcrypt-cost", "4"}).bcrypt_cost, 4);
  EXPECT_EQ(good({"--bcrypt-cost", "31"}).bcrypt_cost, 31);
  for (const char* const cost : {"3", "32", "", "ten"})
    EXPECT_SAYS(error({"--bcrypt-cost", cost}), "must be a whole number from 4 to 31");
  const ConfigLimits small{.token_seconds_max = 60};
  EXPECT_TRUE(parse({"--auth-token-ttl=60"}, {}, small).has_value());
  EXPECT_SAYS(parse({"--auth-token-ttl=61"}, {}, small).error().message, "from 1 to 60");
  EXPECT_SAYS(error({"--auth-token-ttl", "0"}), "must be a whole number from 1 to");
  EXPECT_SAYS(error({"--auth-token", "jwt,sign-method=HS256"}), "signed tokens (jwt) are not there yet");
}

TEST(Config, TheQuotaIsAsEtcds) {
  EXPECT_EQ(parse({}, {})->quota_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(parse({"--quota-backend-bytes", "0"}, {})->quota_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(parse({"--quota-backend-bytes=-1"}, {})->quota_bytes, 0U) << "off";
  EXPECT_EQ(parse({}, {{"ETCD_QUOTA_BACKEND_BYTES", "8589934592"}})->quota_bytes, std::uint64_t{8} << 30);
  EXPECT_TRUE(parse({"--quota-backend-bytes=8GiB"}, {})->notes.empty());
  const auto large = parse({"--quota-backend-bytes=8589934593"}, {});
  ASSERT_TRUE(large.has_value());
  ASSERT_EQ(large->notes.size(), 1U);
  EXPECT_NE(large->notes[0].find("more than the 8589934592"), std::string::npos) << large->notes[0];
  for (const char* const wrong : {"x", "-x", "-", "1XiB", "-1.5"})
    EXPECT_FALSE(parse({std::string("--quota-backend-bytes=") + wrong}, {}).has_value()) << wrong;
  const ConfigLimits narrow{.quota_bytes_default = 7, .quota_bytes_advised = 8, .quota_bytes_max = 9};
  EXPECT_EQ(parse({}, {}, narrow)->quota_bytes, 7U);
  EXPECT_EQ(parse({"--quota-backend-bytes=9"}, {}, narrow)->notes.size(), 1U);
  EXPECT_FALSE(parse({"--quota-backend-bytes=10"}, {}, narrow).has_value());
}

TEST(Config, WhatIsKeptOfHistoryIsTimeOrRevisions) {
  using std::chrono::hours, std::chrono::minutes, std::chrono::milliseconds;
  const auto period = [](const std::string& text) {
    const auto config = parse({"--auto-compaction-retention=" + text}, {});
    return config ? config->compaction_period : milliseconds(-1);
  };
  EXPECT_EQ(parse({}, {})->compaction_period, milliseconds(0));
  EXPECT_EQ(period("0"), milliseconds(0));
  EXPECT_EQ(period("1"), hours(1));
  EXPECT_EQ(period("0.5"), minutes(30));
  EXPECT_EQ(period("1h30m"), minutes(90));
  EXPECT_EQ(period("10s"), milliseconds(10'000));
  EXPECT_EQ(period("500ms"), milliseconds(500));
  for (const char* const wrong : {"x", "-1", "-5m", "5x", "m", "1h30", "1e300h", "nan", "100000000h"})
    EXPECT_EQ(period(wrong), milliseconds(-1)) << wrong;
  const auto kept = [](const std::string& text) {
    const auto config =
        parse({"--auto-compaction-mode", "revision", "--auto-compaction-retention", text}, {});
    return config ? config->compaction_revisions : -1;
  };
  EXPECT_EQ(kept("0"), 0);
  EXPECT_EQ(kept("1000"), 1000);
  for (const char* const wrong : {"1h", "-1", "x", "1.5"}) EXPECT_EQ(kept(wrong), -1) << wrong;
  EXPECT_FALSE(parse({"--auto-compaction-mode=yearly"}, {}).has_value());
  const ConfigLimits narrow{.compaction_period_max = milliseconds(10)};
  EXPECT_TRUE(parse({"--auto-compaction-retention=10ms"}, {}, narrow).has_value());
  EXPECT_FALSE(parse({"--auto-compaction-retention=11ms"}, {}, narrow).has_value());
}

TEST(Config, ProgressOfWatchesComesAsOftenAsIsSaid) {
  using std::chrono::milliseconds;
  const auto interval = [](const std::string& text, const ConfigLimits& limits = {}) {
    const auto config = parse({"--watch-progress-notify-interval=" + text}, {}, limits);
    return config ? config->watch_progress_interval : milliseconds(-1);
  };
  EXPECT_EQ(parse({}, {})->watch_progress_interval, milliseconds(600'000));
  EXPECT_EQ(interval("5s"), milliseconds(5000));
  for (const char* const text : {"0s", "-1s", "x", "", "99ms", "25h"})
    EXPECT_EQ(interval(text), milliseconds(-1)) << text;
  const ConfigLimits narrow{.watch_progress_interval_min = milliseconds(7),
                            .watch_progress_interval_max = milliseconds(8)};
  EXPECT_EQ(interval("7ms", narrow), milliseconds(7));
  EXPECT_EQ(interval("6ms", narrow), milliseconds(-1));
  EXPECT_EQ(interval("9ms", narrow), milliseconds(-1));
}

// The name that it had before 3.6, wherever a setting may stand; the newer one goes first.
TEST(Config, OlderNamesOfASettingAreTheSetting) {
  using std::chrono::milliseconds;
  const auto config = parse({"--experimental-watch-progress-notify-interval", "5s"}, {});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->watch_progress_interval, milliseconds(5000));
  EXPECT_TRUE(config->notes.empty());
  EXPECT_EQ(parse({}, {{"ETCD_EXPERIMENTAL_WATCH_PROGRESS_NOTIFY_INTERVAL", "6s"}})->watch_progress_interval,
            milliseconds(6000));
  EXPECT_EQ(
      parse({"--experimental-watch-progress-notify-interval=5s", "--watch-progress-notify-interval=7s"}, {})
          ->watch_progress_interval,
      milliseconds(7000));
}

TEST(Config, TheGatewayCanBeShut) {
  EXPECT_TRUE(parse({}, {})->gateway);
  EXPECT_TRUE(parse({"--enable-grpc-gateway"}, {})->gateway);
  EXPECT_FALSE(parse({"--enable-grpc-gateway=false"}, {})->gateway);
  EXPECT_FALSE(parse({}, {{"ETCD_ENABLE_GRPC_GATEWAY", "false"}})->gateway);
  EXPECT_FALSE(parse({"--enable-grpc-gateway=perhaps"}, {}).has_value());
}

TEST(Config, FrontEndThreadsAreGivenOrFollowFromTheCores) {
  EXPECT_EQ(good({"--front-end-threads", "0"}).front_end_threads, 0u);
  EXPECT_EQ(good({"--front-end-threads", "64"}).front_end_threads, 64u);
  EXPECT_EQ(good({}, {{"CAIRN_FRONT_END_THREADS", "3"}}).front_end_threads, 3u);
  EXPECT_SAYS(error({"--front-end-threads", "65"}), "must be auto or a number of threads, at most 64");
  EXPECT_SAYS(error({"--front-end-threads", "-1"}), "must be auto or a number");
  EXPECT_SAYS(error({"--front-end-threads", "2x"}), "must be auto or a number");
  // Where the log and the loop have all cores, clients stay on the loop.
  EXPECT_EQ(front_end_threads_for(0), 0u);  // nobody knows
  EXPECT_EQ(front_end_threads_for(1), 0u);
  EXPECT_EQ(front_end_threads_for(2), 0u);
  EXPECT_EQ(front_end_threads_for(3), 1u);
  EXPECT_EQ(front_end_threads_for(6), 4u);
  EXPECT_EQ(front_end_threads_for(128), 4u);
}

// Every limit is reached, at a value of its own, and what goes just up to it is accepted.
TEST(Config, EveryLimitIsReached) {
  const ConfigLimits small{.election_timeout_max = std::chrono::milliseconds(2000),
                           .interval_max = std::chrono::milliseconds(3000),
                           .name_bytes_max = 7,
                           .members_max = 2,
                           .urls_max = 2,
                           .front_end_threads_max = 3,
                           .front_end_threads_auto_max = 1,
                           .snapshot_log_bytes_min = 100,
                           .snapshot_log_bytes_max = 200,
                           .request_bytes_min = 10,
                           .request_bytes_max = 20,
                           .config_file_bytes_max = 12};
  const TemporaryFile fits("name = \"n1\"\n");
  const Args base = {"--snapshot-log-bytes=150", "--max-request-bytes=15", "--front-end-threads=0"};
  const auto said = [&](const Args& more) {
    Args args = base;
    args.insert(args.end(), more.begin(), more.end());
    const auto config = parse(args, {}, small);
    return config ? "(accepted)" : config.error().message;
  };
  const auto two = [](const std::string& item) { return item + ":1," + item + ":2"; };
  const std::string members = "default=http://a:1,n2=http://a:2";
  for (const Args& accepted : std::vector<Args>{{"--election-timeout=2000"},
                                                {"--initial-cluster-wait=0"},
                                                {"--name=seven77"},
                                                {"--initial-cluster=" + members},
                                                {"--listen-client-urls=" + two("http://127.0.0.1")},
                                                {"--front-end-threads=3"},
                                                {"--snapshot-log-bytes=100"},
                                                {"--snapshot-log-bytes=200"},
                                                {"--max-request-bytes=10"},
                                                {"--max-request-bytes=20"},
                                                {"--config-file=" + fits.path}})
    EXPECT_EQ(said(accepted), "(accepted)") << accepted[0];
  EXPECT_SAYS(said({"--election-timeout=2001"}), "should be set less than 2000ms");
  EXPECT_SAYS(said({"--election-timeout=3001"}), "must not exceed 3000");
  EXPECT_SAYS(said({"--initial-cluster-wait=-1"}), "must be >=0 (set to -1ms)");
  EXPECT_SAYS(said({"--name=eight888"}), "longer than 7 bytes");
  EXPECT_SAYS(said({"--initial-cluster=" + members + ",n3=http://a:3"}), "more than 2 members");
  EXPECT_SAYS(said({"--listen-client-urls=" + two("http://127.0.0.1") + ",http://127.0.0.1:3"}),
              "more than 2 URLs");
  EXPECT_SAYS(said({"--front-end-threads=4"}), "at most 3");
  EXPECT_SAYS(said({"--snapshot-log-bytes=99"}), "must be between 100 and 200 bytes");
  EXPECT_SAYS(said({"--snapshot-log-bytes=201"}), "must be between 100 and 200 bytes");
  EXPECT_SAYS(said({"--max-request-bytes=9"}), "must be between 10 and 20 bytes");
  EXPECT_SAYS(said({"--max-request-bytes=21"}), "must be between 10 and 20 bytes");
  EXPECT_EQ(front_end_threads_for(128, small), 1U);
  std::ofstream(fits.path, std::ios::app) << "\n";
  EXPECT_SAYS(said({"--config-file=" + fits.path}), "is larger than 12 bytes");
}

TEST(Config, NamesAndWordsAreChecked) {
  EXPECT_SAYS(error({"--name", "a,b"}), "must not contain");
  EXPECT_SAYS(error({"--name", std::string(256, 'x')}), "longer than 255");
  EXPECT_SAYS(error({"--name", "../x"}), "give --data-dir");
  EXPECT_SAYS(error({"--log-level", "loud"}), "must be debug, info, warn or error");
  EXPECT_SAYS(error({"--log-format", "xml"}), "must be json, text or auto");
  EXPECT_SAYS(error({"--initial-cluster-state", "old"}), "must be new or existing");
  EXPECT_SAYS(error({"--initial-cluster-state", "existing"}), "needs --initial-cluster");
}

TEST(Config, WhatAFirstStartAndTheLogAreToldArrives) {
  const Config config =
      good({"--initial-cluster-token=t1", "--form-with-majority", "true", "--log-format", "json"});
  EXPECT_EQ(config.initial_cluster_token, "t1");
  EXPECT_TRUE(config.form_with_majority);
  EXPECT_EQ(config.log_format, LogFormat::json);
  EXPECT_FALSE(good({}).form_with_majority);
  EXPECT_EQ(good({}).log_format, LogFormat::automatic);
}

TEST(Config, ErrorsNameTheEnvironmentVariable) {
  EXPECT_SAYS(error({}, {{"ETCD_LOG_LEVEL", "loud"}}), "--log-level (from ETCD_LOG_LEVEL)");
}

TEST(Config, HelpNamesEveryFlagAndAsksForNothingElse) {
  EXPECT_TRUE(good({"--help"}).show_help);
  EXPECT_TRUE(good({"--version"}).show_version);
  const Config config = good({});
  for (const Setting& setting : config.settings) EXPECT_SAYS(help_text(), "--" + setting.name + " ");
}

TEST(Config, LogGoesToWhatIsNamed) {
  EXPECT_EQ(good({}).log_outputs, std::vector<std::string>{"default"});
  EXPECT_EQ(good({"--log-outputs", "stderr, /var/log/cairn.log"}).log_outputs,
            (std::vector<std::string>{"stderr", "/var/log/cairn.log"}));
  EXPECT_SAYS(error({"--log-outputs", "sdterr"}), "'sdterr' is not stderr or stdout; a file is ./sdterr");
  EXPECT_SAYS(error({"--log-outputs", ""}), "name where the log goes");
  ConfigLimits limits;
  limits.log_outputs_max = 1;
  EXPECT_TRUE(parse({"--log-outputs=stdout"}, {}, limits));
  EXPECT_SAYS(parse({"--log-outputs=stdout,stderr"}, {}, limits).error().message, "has more than 1 names");
}

}  // namespace
}  // namespace cairn::server
