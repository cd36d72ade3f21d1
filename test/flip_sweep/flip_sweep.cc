// cairn_flip_sweep: damages one member of three at every block and at every byte of every header, in every
// file, one at a time, and starts it with a member that is behind, before the one that has everything.
//   cairn_flip_sweep [--every N] [--first N] [--jobs N] [--seed N] [--verbose]
// It prints how many of them were detected, how many repaired, and how many acknowledged writes were lost.
// Detected: the member said so, or refused to start by a named error, or rewrote what was damaged; or a
// reader of what no start needs finds it. Repaired: it counts in full again and has everything, within
// kPatience. Exit status 1 when one was not detected, a write is lost, or too few were repaired.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "etcd/validate.h"
#include "flip_sweep/damage.h"
#include "flip_sweep/small_cluster.h"
#include "node/status.h"
#include "observe/log.h"
#include "proto/rpc.pb.h"
#include "wal/format.h"
#include "wal/hard_state.h"
#include "wal/watermark.h"

namespace cairn::sweep {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;

constexpr std::uint64_t kIntact = 1, kVictim = 2, kBehind = 3;
constexpr Duration kAlone = seconds(4);  // the victim and the one that is behind, without the third
constexpr Duration kPatience = seconds(30);
constexpr int kWritesOfAll = 60, kWritesOfTwo = 60;

using Acknowledged = std::map<std::string, std::string>;

struct Story {  // up to the damage
  std::array<Image, kMembers> disks;
  Acknowledged writes;
  raft::Index snapshot;  // of the victim
};

bool is_ok(const SmallCluster::Written& written) {
  return written->has_value() && (*written)->code == Code::ok;
}

// Values of many sizes, so that frames take one block or several.
void write_some(SmallCluster* cluster, Prng* prng, int count, Acknowledged* writes) {
  for (int i = 0; i < count; ++i) {
    const std::string key = "k" + std::to_string(writes->size());
    const std::string value(prng->chance(1, 4) ? prng->between(3000, 9000) : prng->between(1, 300),
                            static_cast<char>('a' + writes->size() % 26));
    const auto written = cluster->put(cluster->leader(), key, value);
    CHECK(cluster->advance_until([&] { return written->has_value(); }, kPatience));
    CHECK(is_ok(written));
    (*writes)[key] = value;
  }
}

Story tell(std::uint64_t seed) {
  SmallCluster cluster(seed);
  Prng prng(seed);
  Story story;
  for (std::uint64_t id = 1; id <= kMembers; ++id) cluster.start(id);
  CHECK(cluster.advance_until([&] { return cluster.leader() != 0; }, kPatience));
  cluster.advance(seconds(1));
  write_some(&cluster, &prng, kWritesOfAll, &story.writes);
  story.disks[kBehind - 1] = {};
  cluster.stop(kBehind);
  story.disks[kBehind - 1] = cluster.image(kBehind);
  CHECK(cluster.advance_until([&] { return cluster.leader() != 0; }, kPatience));
  cluster.advance(seconds(1));
  write_some(&cluster, &prng, kWritesOfTwo, &story.writes);
  cluster.advance(seconds(1));
  story.snapshot = cluster.data(kVictim).snapshots->newest()->meta.index;
  for (const std::uint64_t id : {kIntact, kVictim}) {
    cluster.stop(id);
    story.disks[id - 1] = cluster.image(id);
  }
  return story;
}

struct Verdict {
  bool detected = false, repaired = false, refused = false;
  std::string lost;  // what; empty: nothing
  std::vector<std::string> said;
};

std::string value_at(const mvcc::View& view, const std::string& key) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  etcdserverpb::RangeResponse response;
  response.ParseFromString(view.range(*etcd::check(request)).body);
  return response.kvs_size() == 0 ? "" : response.kvs(0).value();
}

class Round {
 public:
  Round(const Story& story, const Damage* damage, std::uint64_t seed)
      : story_(story), damage_(damage), writes_(story.writes), cluster_(seed) {
    for (std::uint64_t id = 1; id <= kMembers; ++id) {
      Image image = story.disks[id - 1];
      if (id == kVictim && damage != nullptr) apply(*damage, &image);
      cluster_.restore(id, image);
    }
  }

  Verdict run() {
    for (const std::uint64_t id : {kVictim, kBehind}) cluster_.start(id);
    probe();
    cluster_.advance(kAlone);
    cluster_.start(kIntact);
    verdict_.repaired = cluster_.advance_until([this] { return all_is_well(); }, kPatience);
    probe();
    cluster_.advance(seconds(1));
    settle_probes();
    verdict_.refused = !cluster_.refusal(kVictim).empty();
    verdict_.said = cluster_.said(kVictim);
    if (verdict_.refused) verdict_.said.push_back(cluster_.refusal(kVictim));
    look_for_losses();
    verdict_.detected = !verdict_.said.empty() || is_found_by_readers();
    return verdict_;
  }

 private:
  // A write and a read through everybody: what is acknowledged now must stay, what is read must be right.
  void probe() {
    for (std::uint64_t id = 1; id <= kMembers; ++id) {
      if (!cluster_.is_up(id)) continue;
      const std::string key = "probe" + std::to_string(probes_.size());
      probes_.push_back({key, cluster_.put(id, key, "v")});
      const std::string& old = std::prev(story_.writes.end())->first;
      reads_.push_back({old, cluster_.get(id, old)});
      const std::string newest = "k" + std::to_string(story_.writes.size() - 1);
      reads_.push_back({newest, cluster_.get(id, newest)});
    }
  }
  void settle_probes() {
    for (const auto& [key, written] : probes_)
      if (is_ok(written)) writes_[key] = "v";
    for (const auto& [key, answer] : reads_)
      if (answer->value && *answer->value != story_.writes.at(key)) verdict_.lost = "a read of " + key;
  }

  bool all_is_well() {
    const std::uint64_t leader = cluster_.leader();
    if (leader == 0) return false;
    const raft::Index last = cluster_.node(leader).status().last;
    for (std::uint64_t id = 1; id <= kMembers; ++id) {
      if (!cluster_.is_up(id)) return false;
      const node::MemberStatus status = cluster_.node(id).status();
      if (!status.full || status.applied != last || status.leader.v != leader) return false;
    }
    return true;
  }

  // Everybody who is up has everything; a quorum is, and serves.
  void look_for_losses() {
    std::size_t up = 0;
    std::set<std::pair<std::uint64_t, std::uint64_t>> states;  // applied index, hash
    for (std::uint64_t id = 1; id <= kMembers; ++id) {
      if (!cluster_.is_up(id)) continue;
      ++up;
      const auto view = cluster_.node(id).view();
      states.insert({view->applied_index(), view->hash()});
      if (id == kVictim && !verdict_.repaired) continue;  // it may be behind: that is another number
      for (const auto& [key, value] : writes_)
        if (value_at(*view, key) != value) verdict_.lost = key + " at member " + std::to_string(id);
    }
    if (up < 2) verdict_.lost = "only " + std::to_string(up) + " members are up";
    if (verdict_.repaired && states.size() != 1) verdict_.lost = "the members' states differ";
  }

  // Of what no start has to look at, or what it rewrites by itself.
  bool is_found_by_readers() {
    if (damage_ == nullptr || !cluster_.is_up(kVictim)) return false;
    sim::SimDisk& disk = cluster_.disk(kVictim);
    const std::string name = damage_->path.substr(damage_->path.rfind('/') + 1);
    const auto copies_are_intact = [](const auto& copies) {
      return copies && (*copies)[0].has_value() && (*copies)[1].has_value();
    };
    const std::uint64_t owner = wal::owner_of({kClusterId, kVictim});
    if (name == "hardstate") return copies_are_intact(wal::read_hard_state(disk, kDataDir, owner));
    if (name == "watermark") return copies_are_intact(wal::read_watermark(disk, kDataDir, owner));
    if (name == "IDENTITY")
      return disk.contents(damage_->path) == story_.disks[kVictim - 1].at(damage_->path);
    if (damage_->use != Use::older) return false;
    // It may be gone by now; as it was, its reader would have found it.
    sim::SimDisk before;
    Image image = story_.disks[kVictim - 1];
    apply(*damage_, &image);
    for (const auto& [path, content] : image) before.put(path, content);
    const auto store = wal::SnapshotStore::open(before, kDataDir);
    CHECK(store.has_value());
    if (!(*store)->damaged().empty()) return true;
    const auto source = (*store)->read((*store)->candidates().back().meta);
    if (!source) return source.error().code == Code::data_loss;
    std::array<char, 65536> piece{};
    for (;;) {
      const Result<std::size_t> size = (*source)->read(piece);
      if (!size) return size.error().code == Code::data_loss;
      if (*size == 0) return false;
    }
  }

  const Story& story_;
  const Damage* const damage_;
  Acknowledged writes_;
  SmallCluster cluster_;
  Verdict verdict_;
  std::vector<std::pair<std::string, SmallCluster::Written>> probes_;
  std::vector<std::pair<std::string, std::shared_ptr<SmallCluster::Answer>>> reads_;
};

struct Count {
  std::uint64_t done = 0, detected = 0, harmless = 0, repaired = 0, refused = 0, lost = 0;
};

struct Settings {
  std::uint64_t seed = 1, every = 1, first = 0;
  unsigned jobs = 1;
  bool verbose = false;
};

std::string kind_of(const Damage& damage) {
  const std::string path = damage.path.substr(damage.path.find('/') + 1);
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool small_file = path.find('/') == std::string::npos;
  return (small_file ? name : path.substr(0, path.find('/')) + (name == "MANIFEST" ? " manifest" : "")) +
         ", " + name_of(damage.use);
}

class Sweep {
 public:
  explicit Sweep(const Settings& settings)
      : settings_(settings),
        story_(tell(settings.seed)),
        damages_(all_damages(story_.disks[kVictim - 1], story_.snapshot)) {}

  int run() {
    // Whatever goes wrong without any damage is not the sweep's to find.
    const Verdict sound = Round(story_, nullptr, settings_.seed).run();
    for (const std::string& line : sound.said) std::printf("without damage: %s\n", line.c_str());
    if (!sound.repaired || !sound.lost.empty()) {
      std::printf("without damage: not well: %s\n", sound.lost.c_str());
      return 1;
    }
    std::printf("%zu files, %zu damages, %zu acknowledged writes, the newest snapshot ends at %llu\n",
                story_.disks[kVictim - 1].size(), damages_.size(), story_.writes.size(),
                static_cast<unsigned long long>(story_.snapshot.v));
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < settings_.jobs; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    return report();
  }

 private:
  void work() {
    for (std::size_t i; (i = next_.fetch_add(1)) < damages_.size();) {
      if (i < settings_.first || i % settings_.every != 0) continue;
      const Verdict verdict = Round(story_, &damages_[i], settings_.seed).run();
      const std::lock_guard lock(mutex_);
      note(i, verdict);
    }
  }

  void note(std::size_t number, const Verdict& verdict) {
    const Damage& damage = damages_[number];
    const bool harmless = !verdict.detected && (damage.use == Use::covered || damage.use == Use::no_record);
    for (Count* count : {&counts_[kind_of(damage)], &total_}) {
      ++count->done;
      if (verdict.detected) ++count->detected;
      if (harmless) ++count->harmless;
      if (verdict.repaired) ++count->repaired;
      if (verdict.refused) ++count->refused;
      if (!verdict.lost.empty()) ++count->lost;
    }
    const bool missed = !verdict.detected && !harmless;
    if (!missed && verdict.repaired && verdict.lost.empty() && !settings_.verbose) return;
    std::printf("%zu: %s: %s%s%s%s\n", number, damage.describe().c_str(),
                missed ? "NOT DETECTED " : (harmless ? "harmless " : "detected "),
                verdict.repaired ? "" : "NOT REPAIRED ", verdict.refused ? "refused " : "",
                verdict.lost.empty() ? "" : ("LOST " + verdict.lost).c_str());
    for (const std::string& line : verdict.said) std::printf("    %s\n", line.c_str());
  }

  int report() const {
    std::printf("%-28s %8s %9s %9s %9s %8s %6s\n", "where", "damages", "detected", "harmless", "repaired",
                "refused", "lost");
    for (const auto& [kind, count] : counts_) print(kind, count);
    print("all", total_);
    const std::uint64_t needed = total_.done - total_.harmless;
    const double detected =
        needed == 0 ? 100 : 100.0 * static_cast<double>(total_.detected) / static_cast<double>(needed);
    const double repaired =
        total_.done == 0 ? 100
                         : 100.0 * static_cast<double>(total_.repaired) / static_cast<double>(total_.done);
    std::printf(
        "detected %.3f %% (harmless where nothing is recorded or needed: %llu), repaired %.3f %%, lost "
        "%llu\n",
        detected, static_cast<unsigned long long>(total_.harmless), repaired,
        static_cast<unsigned long long>(total_.lost));
    constexpr double kRepairedLeast = 99.9;
    return total_.detected == needed && repaired >= kRepairedLeast && total_.lost == 0 ? 0 : 1;
  }
  static void print(const std::string& where, const Count& count) {
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf("%-28s %8llu %9llu %9llu %9llu %8llu %6llu\n", where.c_str(), number(count.done),
                number(count.detected), number(count.harmless), number(count.repaired), number(count.refused),
                number(count.lost));
  }

  const Settings settings_;
  const Story story_;
  const std::vector<Damage> damages_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::map<std::string, Count> counts_;
  Count total_;
};

}  // namespace
}  // namespace cairn::sweep

int main(int argc, char** argv) {
  CLI::App app("damages one member of three, everywhere, one place at a time");
  cairn::sweep::Settings settings;
  app.add_option("--seed", settings.seed, "of the story before the damage");
  app.add_option("--every", settings.every, "only every so many of them")->check(CLI::PositiveNumber);
  app.add_option("--first", settings.first, "the first to try, as numbered in the output");
  app.add_option("--jobs", settings.jobs, "at once")->check(CLI::PositiveNumber);
  app.add_flag("--verbose", settings.verbose, "say of each what became of it");
  CLI11_PARSE(app, argc, argv);
  cairn::configure_log({.level = cairn::LogLevel::error, .format = {}, .sink = [](std::string_view) {}});
  return cairn::sweep::Sweep(settings).run();
}
