#include "server/config_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace cairn::server {
namespace {

struct ConfigFile : testing::Test {
  ~ConfigFile() override {
    if (!path.empty()) std::remove(path.c_str());
  }
  Result<std::vector<FileSetting>> read(const std::string& ending, const std::string& text,
                                        std::size_t bytes_max = 1 << 20) {
    path = testing::TempDir() + "cairn_config_file_" +
           testing::UnitTest::GetInstance()->current_test_info()->name() + ending;
    std::ofstream(path) << text;
    return read_config_file(path, bytes_max);
  }
  // "name=value name=value"
  std::string settings(const std::string& ending, const std::string& text) {
    const auto all = read(ending, text);
    if (!all) return "error: " + all.error().message;
    std::string out;
    for (const FileSetting& each : *all) out += (out.empty() ? "" : " ") + each.name + "=" + each.value;
    return out;
  }
  // Behind "--config-file PATH:", or "PATH: ".
  std::string error(const std::string& ending, const std::string& text) {
    const auto all = read(ending, text);
    if (all) return "(taken)";
    EXPECT_EQ(all.error().code, Code::invalid_argument);
    const std::size_t at = all.error().message.find(path + ":");
    if (at == std::string::npos) return all.error().message;
    return all.error().message.substr(at + path.size() + 1);
  }
  std::string path;
};

TEST_F(ConfigFile, InYamlIsAsEtcdReadsIt) {
  EXPECT_EQ(settings(".conf.yml",
                     "# comment\n"
                     "name: 'n1'\n"
                     "data-dir:\n"
                     "heartbeat-interval: 100\n"
                     "pre-vote: true\n"
                     "proxy: 'off'\n"
                     "cors: null\n"
                     "log-outputs: [stderr, ./a.log]\n"
                     "listen-client-urls: http://localhost:2379,http://10.0.0.1:2379\n"),
            "name=n1 heartbeat-interval=100 pre-vote=true proxy=off log-outputs=stderr,./a.log "
            "listen-client-urls=http://localhost:2379,http://10.0.0.1:2379");
  EXPECT_EQ(settings(".yaml", "strict-reconfig-check: yes\nname: y\n"), "strict-reconfig-check=true name=y");
  EXPECT_EQ(settings(".yaml", ""), "");
  EXPECT_EQ(settings(".yaml", "---\n"), "");
}

TEST_F(ConfigFile, SectionsOfTlsAreTheirFlagsInBothFormats) {
  const std::string flags = "cert-file=a client-cert-auth=true peer-cert-file=b peer-cert-allowed-cn=x,y";
  EXPECT_EQ(settings(".yml",
                     "client-transport-security:\n  cert-file: a\n  client-cert-auth: true\n"
                     "peer-transport-security:\n  cert-file: b\n  allowed-cn: [x, y]\n"),
            flags);
  EXPECT_EQ(settings(".toml",
                     "[client-transport-security]\ncert-file = \"a\"\nclient-cert-auth = true\n"
                     "[peer-transport-security]\ncert-file = \"b\"\nallowed-cn = [\"x\", \"y\"]\n"),
            "cert-file=a client-cert-auth=true peer-cert-allowed-cn=x,y peer-cert-file=b");
  EXPECT_EQ(error(".yml", "peer-transport-security:\n  cert-fil: b\n"),
            "2: peer-transport-security has no setting cert-fil");
  EXPECT_EQ(error(".yml", "security:\n  cert-file: b\n"),
            "2: security: unknown section; there are client-transport-security and peer-transport-security");
}

TEST_F(ConfigFile, NumbersOfNanosecondsAreOnesInYamlAlone) {
  EXPECT_EQ(settings(".yml", "watch-progress-notify-interval: 600000000000\n"),
            "watch-progress-notify-interval=600000000000ns");
  EXPECT_EQ(settings(".yml", "watch-progress-notify-interval: 10m\n"), "watch-progress-notify-interval=10m");
  EXPECT_EQ(settings(".yml", "watch-progress-notify-interval: '1'\n"), "watch-progress-notify-interval=1");
  EXPECT_EQ(settings(".toml", "watch-progress-notify-interval = 1\n"), "watch-progress-notify-interval=1");
}

TEST_F(ConfigFile, WhatIsNotUnderstoodInFullIsRefusedWithItsLine) {
  EXPECT_EQ(error(".yml", "name: a\nname: b\n"), "2: name: stands twice");
  EXPECT_EQ(error(".yml", "cert-file: a\nclient-transport-security:\n  cert-file: b\n"),
            "3: cert-file: was given in line 1 already");
  EXPECT_EQ(error(".yml", "name: a\n---\nname: b\n"), "3: a second document begins: one file holds one");
  EXPECT_EQ(error(".yml", "- name\n"), "1: must hold NAME: VALUE");
  EXPECT_EQ(error(".yml", "just words\n"), "1: must hold NAME: VALUE");
  EXPECT_EQ(error(".yml", "cors: [[a]]\n"), "1: cors: a list must hold strings only");
  EXPECT_EQ(error(".yml", "client-transport-security:\n  cert-file:\n    a: b\n"),
            "2: cert-file: must be a string, a number, true, false or a list of strings");
  EXPECT_EQ(error(".yml", "[a]: b\n"), "1: the name of a setting must be a word");
  EXPECT_EQ(error(".yml", "name: \"a\nb: c\n").substr(0, 12), "3: not YAML:") << "nothing ends it";
  EXPECT_EQ(error(".yml", "a: *b\n").substr(0, 12), "1: not YAML:");
  EXPECT_EQ(error(".yml", std::string(1000, '[')).substr(0, 12), "2: not YAML:");
  EXPECT_EQ(error(".toml", "name: n1\n").substr(0, 12), "1: not TOML:");
  EXPECT_NE(error(".conf", "name: n1\n").find("has a name that ends with .yaml or .yml"), std::string::npos);
  EXPECT_NE(error(".toml", "a = 1.5\n").find("must be a string"), std::string::npos);
  EXPECT_NE(error(".toml", "a = [1]\n").find("strings only"), std::string::npos);
}

TEST_F(ConfigFile, IsBounded) {
  EXPECT_FALSE(read(".yml", "name: n1\n", 8));
  EXPECT_TRUE(read(".yml", "name: n1\n", 9));
}

}  // namespace
}  // namespace cairn::server
