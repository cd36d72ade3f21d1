// The judge is judged first: by histories whose verdicts are known from elsewhere, and by histories made
// false on purpose.
#include "sim/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "base/prng.h"
#include "sim/client_history.h"
#include "sim/histories.h"
#include "support/source_dir.h"

namespace cairn::sim {
namespace {

namespace fs = std::filesystem;

fs::path oracles() {
  const char* set = std::getenv("CAIRN_ORACLES");
  const fs::path root =
      set != nullptr ? fs::path(set) : fs::path(test::kSourceDir) / ".." / "shared" / "oracles";
  return root / "linearizability";
}

std::string contents(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<fs::path> files_in(const fs::path& dir, const std::string& extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Checker, AgreesWithPorcupineOnJepsenLogs) {
  const fs::path dir = oracles() / "jepsen";
  if (!fs::exists(dir)) GTEST_SKIP() << "skipped: no histories at " << dir << " (set CAIRN_ORACLES)";
  std::map<std::string, bool> expected;
  std::istringstream table(contents(dir / "expected.tsv"));
  for (std::string name, verdict; table >> name >> verdict;) expected[name] = verdict == "true";
  std::size_t judged = 0, good = 0, compared = 0;
  for (const fs::path& file : files_in(dir, ".log")) {
    const auto history = parse_register_history(contents(file));
    ASSERT_TRUE(history) << file << ": " << history.error().message;
    const Linearization result = check(*history);
    EXPECT_NE(result.verdict, Verdict::unknown) << file;
    ++judged;
    good += result.verdict == Verdict::linearizable ? 1U : 0U;
    const auto known = expected.find(file.filename().string());
    if (known == expected.end()) continue;
    ++compared;
    EXPECT_EQ(result.verdict == Verdict::linearizable, known->second) << file;
  }
  std::cout << "Jepsen etcd logs: " << judged << " judged, " << good << " linearizable, " << compared
            << " compared with a known verdict\n";
  EXPECT_GE(judged, 102U);
  EXPECT_EQ(compared, expected.size());
}

TEST(Checker, AgreesWithPorcupineOnKvHistories) {
  const fs::path dir = oracles() / "kv";
  if (!fs::exists(dir)) GTEST_SKIP() << "skipped: no histories at " << dir << " (set CAIRN_ORACLES)";
  std::size_t judged = 0;
  for (const fs::path& file : files_in(dir, ".txt")) {
    const auto history = parse_kv_history(contents(file));
    ASSERT_TRUE(history) << file << ": " << history.error().message;
    const bool good = file.stem().string().find("-ok") != std::string::npos;
    EXPECT_EQ(check(*history).verdict, good ? Verdict::linearizable : Verdict::violated) << file;
    ++judged;
  }
  std::cout << "kv histories: " << judged << " judged\n";
  EXPECT_EQ(judged, 6U);
}

// Clients that take turns on a real sequential store at a hidden instant within each call.
ClientHistory honest_history(std::uint64_t seed) {
  constexpr std::size_t kClients = 5, kOperations = 120;
  Prng prng(seed);
  Store store;
  ClientHistory history;
  std::vector<std::int64_t> free_at(kClients, 0);
  for (std::size_t i = 0; i < kOperations; ++i) {
    const auto instant = static_cast<std::int64_t>(10 * i + 100);
    std::size_t client = prng.below(kClients);
    while (free_at[client] > instant) client = (client + 1) % kClients;
    Request request;
    const std::string key = "k" + std::to_string(prng.below(3));
    const std::string value = "v" + std::to_string(i);
    switch (prng.below(6)) {
      case 0:
      case 1:
        request.writes = {{key, value}};
        break;
      case 2:
        request.writes = {{key, std::nullopt}};
        break;
      case 3: {
        const auto found = store.keys.find(key);
        const std::int64_t seen = found == store.keys.end() ? 0 : found->second.mod_revision;
        request.guard = Request::Guard{key, prng.chance(3, 4) ? seen : seen + 1};
        request.writes = {{key, value}};
        request.read_key = key;
        break;
      }
      default:
        request.read_key = key;
    }
    const auto reach = static_cast<std::int64_t>(prng.below(40));
    const std::int64_t call = std::max(free_at[client], instant - reach);
    Reply reply = store.execute(request);
    const std::int64_t answered = instant + static_cast<std::int64_t>(prng.below(30));
    free_at[client] = answered + 1;
    history.items.push_back({request, reply, Span{call, answered}, "client " + std::to_string(client)});
  }
  return history;
}

TEST(Checker, AcceptsHonestClientHistories) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(check(honest_history(seed)).verdict, Verdict::linearizable) << "seed " << seed;
  }
}

TEST(Checker, LeavesUnknownOutcomesOpen) {
  ClientHistory history;
  history.items.push_back({{{{"k", "a"}}, {}, {}}, std::nullopt, Span{1, Span::kNever}, "unknown put"});
  Reply nothing{1, true, 0, std::nullopt};
  history.items.push_back({{{}, {}, "k"}, nothing, Span{2, 3}, "get before it took effect"});
  Reply value{2, true, 0, KeyState{"a", 2, 2, 1}};
  history.items.push_back({{{}, {}, "k"}, value, Span{4, 5}, "get after it took effect"});
  EXPECT_EQ(check(history).verdict, Verdict::linearizable);
  std::swap(history.items[1].reply, history.items[2].reply);
  EXPECT_EQ(check(history).verdict, Verdict::violated);
}

TEST(Checker, SaysUnknownAtTheStepLimit) { EXPECT_EQ(check(honest_history(1), 3).verdict, Verdict::unknown); }

std::vector<std::size_t> reads_of(const ClientHistory& history) {
  std::vector<std::size_t> reads;
  for (std::size_t i = 0; i < history.items.size(); ++i) {
    if (!history.items[i].request.is_write()) reads.push_back(i);
  }
  return reads;
}

// Two reads get each other's replies, though a write lay between them in real time.
bool swap_reads(ClientHistory* history, Prng* prng) {
  const auto reads = reads_of(*history);
  for (std::size_t tries = 0; tries < 1000; ++tries) {
    auto& a = history->items[reads[prng->below(reads.size())]];
    auto& b = history->items[reads[prng->below(reads.size())]];
    if (a.span.answered >= b.span.call || a.reply->revision == b.reply->revision) continue;
    std::swap(a.request, b.request);
    std::swap(a.reply, b.reply);
    return true;
  }
  return false;
}

// A write that was acknowledged is forgotten by everybody: nobody ever asked for it.
bool lose_write(ClientHistory* history, Prng* prng) {
  for (std::size_t tries = 0; tries < 1000; ++tries) {
    const std::size_t i = prng->below(history->items.size() - 20);
    const auto& item = history->items[i];
    if (!item.request.is_write() || !item.reply->held) continue;
    if (!item.request.writes[0].value && item.reply->deleted == 0) continue;
    history->items[i].request = Request{{}, {}, item.request.writes[0].key};
    return true;
  }
  return false;
}

// A read is answered from the state one revision before the newest that somebody had been told of when it was
// called.
bool stale_read(ClientHistory* history, Prng* prng) {
  const auto reads = reads_of(*history);
  for (std::size_t tries = 0; tries < 1000; ++tries) {
    auto& read = history->items[reads[prng->below(reads.size())]];
    std::int64_t known = 0;
    for (const auto& item : history->items) {
      if (item.span.answered < read.span.call) known = std::max(known, item.reply->revision);
    }
    if (known < 3) continue;
    Store store;
    for (const auto& item : history->items) {  // in the order of the hidden instants
      if (item.reply->revision < known) store.execute(item.request);
    }
    if (store.revision != known - 1) continue;
    read.reply = store.execute(read.request);
    return true;
  }
  return false;
}

TEST(Checker, RejectsCorruptedHistories) {
  constexpr std::uint64_t kEach = 10;
  std::size_t rejected = 0, made = 0;
  for (const auto corrupt : {swap_reads, lose_write, stale_read}) {
    for (std::uint64_t seed = 1; seed <= kEach; ++seed) {
      ClientHistory history = honest_history(seed);
      Prng prng(1000 + seed);
      ASSERT_TRUE(corrupt(&history, &prng)) << "seed " << seed;
      ++made;
      const Verdict verdict = check(history).verdict;
      EXPECT_EQ(verdict, Verdict::violated) << "seed " << seed;
      rejected += verdict == Verdict::violated ? 1U : 0U;
    }
  }
  std::cout << "corrupted histories: " << rejected << " of " << made << " rejected\n";
  EXPECT_EQ(made, 30U);
}

}  // namespace
}  // namespace cairn::sim
