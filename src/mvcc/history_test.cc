#include "mvcc/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/prng.h"

namespace cairn::mvcc {
namespace {

struct Written {
  std::int64_t revision;
  std::uint32_t sub;
  Record* record;  // freed and null once it is dropped
};

// A plain vector of every change there ever was, and the history that has to agree with it.
class Fixture {
 public:
  ~Fixture() {
    for (const Kept& kept : kept_) kept.pin->release();
    for (const Written& each : all_) Record::free(each.record);
  }

  // One entry of the log.
  void begin() { epochs_.begin(++epoch_); }
  void write(std::uint32_t changes) {
    ++revision_;
    for (std::uint32_t sub = 0; sub < changes; ++sub) {
      Record* const record = Record::make(
          "k", "", {.create_revision = revision_, .mod_revision = revision_, .sub = sub, .version = 1},
          nullptr);
      history_.append(record);
      all_.push_back({revision_, sub, record});
    }
  }
  void compact(std::int64_t revision) { history_.compact(compact_revision_ = revision); }
  // As the store does it: what no view needs goes, and its record with it.
  void collect(std::size_t steps_max) {
    const std::int64_t revision = epochs_.oldest_compact_revision(compact_revision_);
    for (; steps_max > 0 && !history_.empty() && history_.front()->mod_revision() < revision; --steps_max) {
      ASSERT_EQ(history_.front(), all_[dropped_].record);
      history_.pop_front();
      Record::free(std::exchange(all_[dropped_++].record, nullptr));
    }
    ASSERT_EQ(history_.size(), all_.size() - dropped_);
    ASSERT_LE(history_.size_bytes(), history_.size() * 81 / 10 + 2 * sizeof(HistoryChunk) + 256);
  }

  void keep() {
    kept_.push_back({epochs_.pin(compact_revision_), history_.span(), compact_revision_, all_.size()});
  }
  std::size_t kept() const { return kept_.size(); }
  void release(std::size_t position) {
    expect_whole(kept_[position]);
    kept_[position].pin->release();
    kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(position));
  }
  void expect_newest() { expect_whole({nullptr, history_.span(), compact_revision_, all_.size()}); }
  void expect_search(Prng* random) {
    const HistorySpan span = history_.span();
    const auto revision = static_cast<std::int64_t>(random->below(static_cast<std::uint64_t>(revision_) + 2));
    const auto sub = static_cast<std::uint32_t>(random->below(4));
    const auto found = std::partition_point(
        all_.begin() + static_cast<std::ptrdiff_t>(span.begin), all_.end(),
        [&](const Written& each) { return std::pair(each.revision, each.sub) < std::pair(revision, sub); });
    ASSERT_EQ(span.lower_bound(revision, sub), static_cast<std::uint64_t>(found - all_.begin()));
  }
  std::int64_t revision() const { return revision_; }
  std::int64_t compact_revision() const { return compact_revision_; }
  const History& history() const { return history_; }

 private:
  struct Kept {
    Epochs::Pin* pin;
    HistorySpan span;
    std::int64_t compact_revision;
    std::size_t end;  // in all_
  };

  void expect_whole(const Kept& kept) const {
    ASSERT_EQ(kept.span.end, kept.end);
    const auto first = std::find_if(all_.begin(), all_.end(), [&](const Written& each) {
      return each.revision >= kept.compact_revision;
    });
    ASSERT_EQ(kept.span.begin, std::min(kept.end, static_cast<std::size_t>(first - all_.begin())));
    for (std::uint64_t i = kept.span.begin; i < kept.span.end; ++i) {
      ASSERT_EQ(kept.span.at(i), all_[i].record);
      ASSERT_EQ(kept.span.at(i)->mod_revision(), all_[i].revision);
    }
  }

  std::uint64_t epoch_ = Epochs::kFirst;
  Epochs epochs_;
  History history_{&epochs_};
  std::int64_t revision_ = 1, compact_revision_ = -1;
  std::vector<Written> all_;
  std::size_t dropped_ = 0;
  std::vector<Kept> kept_;
};

TEST(History, AgreesWithAVectorWhileItIsCompactedAndSpansStay) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Prng random(seed);
    Fixture fixture;
    for (int turn = 0; turn < 3000; ++turn) {
      fixture.begin();
      fixture.collect(random.below(20));
      const bool quiet = turn / 500 % 2 == 1;  // compaction catches up with everything
      for (std::uint64_t i = random.below(quiet ? 2 : 6); i > 0; --i)
        fixture.write(static_cast<std::uint32_t>(random.below(5)));
      if (random.chance(1, quiet ? 10 : 60)) {
        const std::int64_t first = std::max<std::int64_t>(fixture.compact_revision() + 1, 0);
        if (first <= fixture.revision())
          fixture.compact(first + static_cast<std::int64_t>(random.below(
                                      static_cast<std::uint64_t>(fixture.revision() - first) + 1)));
      }
      if (random.chance(1, 20)) fixture.keep();
      if (fixture.kept() > 4) fixture.release(random.below(fixture.kept()));
      fixture.expect_search(&random);
      if (turn % 50 == 0) fixture.expect_newest();
      if (HasFatalFailure()) FAIL() << "seed " << seed << " turn " << turn;
    }
    while (fixture.kept() > 0) fixture.release(0);
    fixture.begin();
    fixture.compact(fixture.revision());
    fixture.collect(1'000'000);
    fixture.expect_newest();
  }
}

TEST(History, CostsEightBytesAChangeAndGivesThemBack) {
  Fixture fixture;
  fixture.begin();
  for (int i = 0; i < 200'000; ++i) fixture.write(1);
  fixture.collect(0);
  EXPECT_LT(static_cast<double>(fixture.history().size_bytes()), 200'000 * 8.1);
  fixture.compact(fixture.revision());
  fixture.collect(200'000);
  EXPECT_EQ(fixture.history().size(), 1U);
  EXPECT_LT(fixture.history().size_bytes(), 3 * sizeof(HistoryChunk));
}

}  // namespace
}  // namespace cairn::mvcc
