#include <chrono>
#include <csignal>
#include <iostream>
#include <utility>

#include "cli/backups.h"
#include "cli/cli.h"
#include "io/posix_disk.h"
#include "server/backup_file.h"
#include "server/flags.h"
#include "server/rescue.h"
#include "server/restore.h"
#include "server/run.h"
#include "server/show_config.h"

namespace cairn {
namespace {

cli::BackupFacts shown(const mvcc::EtcdFileFacts& facts, std::uint64_t size_bytes) {
  return {.revision = facts.revision,
          .compact_revision = facts.compact_revision,
          .records = facts.records,
          .keys = facts.keys,
          .leases = facts.leases,
          .users = facts.users,
          .users_revision = facts.users_revision,
          .size_bytes = size_bytes,
          .hash = facts.hash};
}

Result<cli::BackupFacts> look(const std::string& path, bool skip_hash_check) {
  io::PosixDisk disk;
  const auto file = TRY(server::BackupFile::open(disk, path, skip_hash_check));
  return shown(TRY(mvcc::facts_of(file.get())), file->size());
}

Result<cli::Restored> restore(const cli::RestoreOrder& order) {
  using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
  io::PosixDisk disk;
  const server::Restored restored = TRY(server::restore(
      disk, {.file = order.file,
             .data_dir = order.data_dir,
             .name = order.name,
             .initial_cluster = order.initial_cluster,
             .initial_cluster_token = order.initial_cluster_token,
             .initial_advertise_peer_urls = order.initial_advertise_peer_urls,
             .archives = order.archives,
             .import = {.bump_revision = order.bump_revision,
                        .revision = order.revision,
                        .drop_users = order.drop_users},
             .skip_hash_check = order.skip_hash_check,
             .unix_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()}));
  cli::Restored said{.facts = shown(restored.facts, 0),
                     .cluster_id = restored.bootstrap.cluster_id,
                     .member_id = restored.bootstrap.self,
                     .members = {}};
  for (const server::BootstrapMember& member : restored.bootstrap.members)
    said.members.push_back(member.name);
  return said;
}

Result<cli::Rescued> rescue(const std::string& dir, const std::function<Status(std::string_view)>& write) {
  io::PosixDisk disk;
  server::Rescued rescued = TRY(server::rescue(disk, dir, write));
  return cli::Rescued{rescued.term.v, rescued.index.v, rescued.revision, std::move(rescued.notes)};
}

std::vector<cli::ServerFlag> server_flags() {
  std::vector<cli::ServerFlag> flags;
  for (const server::FlagSpec& flag : server::flag_table())
    flags.push_back({flag.name, flag.default_value, flag.help, flag.toggle});
  return flags;
}

constexpr cli::BackupTools kBackups{look, restore, rescue};

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
  // A reader that leaves early (`cairn ls | head`) shows as a failed write.
  std::signal(SIGPIPE, SIG_IGN);
  return cairn::cli::run_cli(
      {argv + 1, argv + argc}, std::cin, std::cout, std::cerr,
      {cairn::server::run, cairn::server::config_command, &cairn::kBackups, cairn::server_flags});
}
