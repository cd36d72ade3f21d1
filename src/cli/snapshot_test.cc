// The command line of backups; what is done with the files is tested in server/, and with etcd in test/e2e.
#include <gtest/gtest.h>

#include <sstream>

#include "cli/backups.h"
#include "cli/cli.h"

namespace cairn::cli {
namespace {

RestoreOrder ordered;

Result<BackupFacts> look(const std::string& file, bool) {
  if (file != "a.db") return fail(Code::data_loss, "E_BACKUP_DAMAGED: " + file);
  return BackupFacts{.revision = 7, .compact_revision = 3, .records = 5, .keys = 2, .hash = 0xab};
}
Result<Restored> restore(const RestoreOrder& order) {
  ordered = order;
  return Restored{.facts = {.revision = 7}, .cluster_id = 1, .member_id = 2, .members = {"n1", "n2"}};
}
constexpr BackupTools kTools{look, restore};

struct Done {
  int code;
  std::string out, err;
};
Done run(const std::vector<std::string>& args) {
  std::istringstream in;
  std::ostringstream out, err;
  const int code = run_cli(args, in, out, err, {.backups = &kTools});
  return {code, out.str(), err.str()};
}

TEST(Snapshot, StatusIsSaidInEachForm) {
  EXPECT_NE(run({"snapshot", "status", "a.db"}).out.find("REVISION  7"), std::string::npos);
  EXPECT_NE(run({"snapshot", "status", "a.db", "-w", "table"}).out.find("HASH      REVISION"),
            std::string::npos);
  EXPECT_NE(run({"snapshot", "status", "a.db", "-w", "json"}).out.find("\"hash\":\"000000ab\""),
            std::string::npos);
  const Done damaged = run({"snapshot", "status", "b.db"});
  EXPECT_EQ(damaged.code, kExitNegative);
  EXPECT_NE(damaged.err.find("E_BACKUP_DAMAGED: b.db"), std::string::npos);
}

TEST(Snapshot, RestoreNamesWhereAndABumpIsNeverAlone) {
  EXPECT_EQ(run({"snapshot", "restore", "a.db"}).code, kExitUsage);
  EXPECT_EQ(run({"snapshot", "restore", "a.db", "--data-dir", "d", "--bump-revision", "5"}).code, kExitUsage);
  EXPECT_EQ(run({"snapshot", "restore", "a.db", "--data-dir", "d", "--mark-compacted"}).code, kExitUsage);
  EXPECT_EQ(run({"snapshot", "burn", "a.db"}).code, kExitUsage);
  const Done done = run({"snapshot", "restore", "a.db", "--data-dir", "d", "--bump-revision", "5",
                         "--mark-compacted", "--name", "n1", "--initial-cluster-token", "t"});
  EXPECT_EQ(done.code, kExitOk) << done.err;
  EXPECT_EQ(ordered.file, "a.db");
  EXPECT_EQ(ordered.data_dir, "d");
  EXPECT_EQ(ordered.bump_revision, 5);
  EXPECT_EQ(ordered.name, "n1");
  EXPECT_EQ(ordered.initial_cluster_token, "t");
}

TEST(Snapshot, RestoreGoesBackToARevision) {
  EXPECT_EQ(run({"snapshot", "restore", "a.db", "--data-dir", "d"}).code, kExitOk);
  EXPECT_EQ(ordered.revision, 0);
  EXPECT_EQ(run({"snapshot", "restore", "a.db", "--data-dir", "d", "--revision", "4"}).code, kExitOk);
  EXPECT_EQ(ordered.revision, 4);
  for (const char* const none : {"0", "-1", "x"})
    EXPECT_EQ(run({"snapshot", "restore", "a.db", "--data-dir", "d", "--revision", none}).code, kExitUsage);
}

TEST(Backup, RestoreNamesWhereAndWhichMoment) {
  const std::string folder = ::testing::TempDir() + "cairn-no-such-folder";
  EXPECT_EQ(run({"backup", "restore", folder}).code, kExitUsage);
  EXPECT_EQ(run({"backup", "restore", folder, "--data-dir", "d", "--bump-revision", "5"}).code, kExitUsage);
  for (const char* const none : {"0", "-5", "tomorrow", "2026-11-30"}) {
    const Done refused = run({"backup", "restore", folder, "--data-dir", "d", "--at", none});
    EXPECT_EQ(refused.code, kExitUsage) << none;
    EXPECT_NE(refused.err.find("neither a revision nor a time"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(run({"backup", "restore", folder, "--data-dir", "d", "--at", "5"}).code, kExitLocalIo);
  EXPECT_EQ(run({"backup", "follow", folder, "--sync-every", "0"}).code, kExitUsage);
  EXPECT_EQ(run({"backup", "follow", folder, "--every", "soon"}).code, kExitUsage);
}

TEST(Snapshot, NobodyToSaveFromLeavesNothing) {
  const std::string file = ::testing::TempDir() + "cairn-nobody.db";
  const Done done = run({"snapshot", "save", file, "--endpoints", "http://127.0.0.1:1"});
  EXPECT_EQ(done.code, kExitUnreachable);
  EXPECT_NE(done.err.find("no backup from any server"), std::string::npos);
  EXPECT_EQ(run({"snapshot", "save", file, "--endpoints", "http://127.0.0.1:1"}).code, kExitUnreachable);
}

}  // namespace
}  // namespace cairn::cli
