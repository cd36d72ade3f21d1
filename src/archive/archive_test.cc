#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "archive/reader.h"
#include "archive/writer.h"
#include "sim_disk/sim_disk.h"

namespace cairn::archive {
namespace {

constexpr char kPath[] = "data/a.changes";

struct Archive : testing::Test {
  Archive() { EXPECT_TRUE(disk.make_dir("data")); }

  std::unique_ptr<Writer> create(const Limits& limits = {}) {
    auto writer = Writer::create(
        disk, "data", "a.changes",
        {.lineage = 7, .cluster_id = 9, .after = 4, .created_ms = 100, .base = "b.db"}, limits);
    EXPECT_TRUE(writer) << writer.error().message;
    return *std::move(writer);
  }
  void write_three(Writer* writer) {
    EXPECT_TRUE(writer->changes(110, {{false, "first"}, {true, "second"}}));
    EXPECT_TRUE(writer->lease(55, 60));
    EXPECT_TRUE(writer->mark(120));
    EXPECT_TRUE(writer->changes(130, {{false, "third"}}));
    EXPECT_TRUE(writer->sync());
  }
  // What can be read, in a line; "!" behind it: damage, "~": a torn tail.
  std::string read(const Limits& limits = {}) {
    const auto reader = Reader::open(disk, kPath, limits);
    if (!reader) return "none";
    std::string text;
    for (;;) {
      const auto frame = (*reader)->next();
      if (!frame) {
        EXPECT_EQ(frame.error().code, Code::data_loss);
        EXPECT_NE(frame.error().message.find("E_ARCHIVE_DAMAGED: data/a.changes, at byte "),
                  std::string::npos);
        return text + "!";
      }
      if (*frame == nullptr) return text + ((*reader)->torn() ? "~" : "");
      text += std::to_string((*frame)->revision + (*frame)->lease) + "@" + std::to_string((*frame)->seen_ms);
      for (const Change& change : (*frame)->changes)
        text += (change.deletion ? "-" : "+") + std::string(change.record);
      text += " ";
    }
  }
  void put(const std::string& content) { disk.put(kPath, content); }

  sim::SimDisk disk;
};

TEST_F(Archive, WhatIsWrittenIsRead) {
  write_three(create().get());
  EXPECT_EQ(read(), "5@110+first-second 55@0 5@120 6@130+third ");
  const auto reader = Reader::open(disk, kPath);
  EXPECT_EQ((*reader)->head(),
            (Head{.lineage = 7, .cluster_id = 9, .after = 4, .created_ms = 100, .base = "b.db"}));
  EXPECT_EQ((*reader)->revision(), 4);
}

TEST_F(Archive, TimesNeverGoBack) {
  const auto writer = create();
  EXPECT_TRUE(writer->changes(90, {{false, "x"}}));
  EXPECT_TRUE(writer->mark(120));
  EXPECT_TRUE(writer->changes(110, {{false, "y"}}));
  EXPECT_EQ(read(), "5@100+x 5@120 6@120+y ");
}

TEST_F(Archive, WhateverIsCutOffGoesOnBehindWhatIsWhole) {
  write_three(create().get());
  const std::string whole = disk.contents(kPath);
  const std::size_t head = encode(Head{.base = "b.db"}).size();
  for (std::size_t size = head; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    const std::string before = read();
    EXPECT_EQ(before.find('!'), std::string::npos) << size;
    const auto writer = Writer::reopen(disk, kPath);
    ASSERT_TRUE(writer) << size;
    EXPECT_EQ((*writer)->cut_bytes() > 0, before.ends_with("~")) << size;
    EXPECT_TRUE((*writer)->changes(500, {{false, "more"}}));
    EXPECT_TRUE((*writer)->sync());
    const std::string kept = before.ends_with("~") ? before.substr(0, before.size() - 1) : before;
    EXPECT_EQ(read(), kept + std::to_string((*writer)->revision()) + "@500+more ") << size;
  }
}

TEST_F(Archive, WhatAPowerCutLeavesBlankIsCutOff) {
  write_three(create().get());
  put(disk.contents(kPath) + std::string(5000, '\0'));
  EXPECT_EQ(read(), "5@110+first-second 55@0 5@120 6@130+third ~");
  EXPECT_EQ((*Writer::reopen(disk, kPath))->cut_bytes(), 5000U);
}

TEST_F(Archive, DamageIsNeverTakenForTheEnd) {
  const auto writer = create();
  write_three(writer.get());
  const std::size_t safe = disk.contents(kPath).size();
  EXPECT_TRUE(writer->changes(140, {{false, "last"}}));
  const std::string whole = disk.contents(kPath);
  for (std::size_t at = 0; at < safe; ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    put(damaged);
    const std::string said = read();
    EXPECT_TRUE(said == "none" || said.ends_with("!")) << at << ": " << said;
    const auto reopened = Writer::reopen(disk, kPath);
    ASSERT_FALSE(reopened) << at;
    EXPECT_EQ(reopened.error().code, Code::data_loss);
    EXPECT_EQ(disk.contents(kPath), damaged) << "it stays as it is";
  }
}

TEST_F(Archive, WhatNobodyWasPromisedIsNoDamage) {
  const auto writer = create();
  write_three(writer.get());
  const std::size_t safe = disk.contents(kPath).size();
  EXPECT_TRUE(writer->changes(140, {{false, std::string(300'000, 'x')}}));
  EXPECT_TRUE(writer->changes(140, {{false, "y"}}));
  std::string holed = disk.contents(kPath);
  std::fill_n(holed.begin() + static_cast<std::ptrdiff_t>(safe), 200, '\0');
  put(holed);
  EXPECT_EQ(read(), "5@110+first-second 55@0 5@120 6@130+third ~");
  // Unless it was synced before more was written.
  EXPECT_TRUE(writer->sync());
  EXPECT_TRUE(writer->mark(150));
  put(holed + disk.contents(kPath).substr(holed.size()));
  EXPECT_EQ(read(), "5@110+first-second 55@0 5@120 6@130+third !");
}

TEST_F(Archive, ARevisionThatIsMissingIsDamage) {
  write_three(create().get());
  std::string content = disk.contents(kPath);
  Frame frame;
  frame.kind = Kind::changes;
  frame.revision = 8;
  frame.seen_ms = 200;
  frame.changes = {{false, "x"}};
  append(frame, &content);
  put(content);
  EXPECT_TRUE(read().ends_with("third !"));
}

TEST_F(Archive, AnotherVersionIsRefusedByName) {
  create();
  std::string content = disk.contents(kPath);
  content[8] = 9;
  put(content);
  EXPECT_NE(Reader::open(disk, kPath).error().message.find("format version 9"), std::string::npos);
}

TEST_F(Archive, NoRevisionCouldFollowSuchAHead) {
  for (const std::int64_t after : {std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
    put(encode({.after = after, .base = "b.db"}));
    EXPECT_NE(Reader::open(disk, kPath).error().message.find("its head contradicts itself"),
              std::string::npos);
  }
}

TEST_F(Archive, ARevisionBeyondTheLimitIsRefused) {
  const Limits limits{.frame_bytes_max = changes_bytes(1, 10)};
  const auto writer = create(limits);
  EXPECT_TRUE(writer->changes(110, {{false, std::string(10, 'x')}}));
  const Status refused = writer->changes(110, {{false, std::string(11, 'x')}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::out_of_range);
  EXPECT_EQ(writer->revision(), 5);
  EXPECT_EQ(read(limits), "5@110+xxxxxxxxxx ");
  EXPECT_EQ(read({.frame_bytes_max = changes_bytes(1, 10) - kFrontBytes - 1}), "!");
}

TEST_F(Archive, AFullDiskLeavesNothingHalfDone) {
  const auto writer = create();
  write_three(writer.get());
  const std::string before = disk.contents(kPath);
  disk.fail_io(1, io::kFull, false);
  const Status full = writer->changes(140, {{false, std::string(3000, 'x')}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, io::kFull);
  EXPECT_EQ(disk.contents(kPath), before);
}

TEST_F(Archive, WhatWasSyncedSurvivesAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    (void)disk.remove(kPath);
    {
      const auto writer = create();
      write_three(writer.get());
      EXPECT_TRUE(disk.sync_dir("data"));
      EXPECT_TRUE(writer->changes(140, {{false, std::string(3000, 'x')}}));
    }
    Prng random(seed);
    disk.crash(random);
    const auto writer = Writer::reopen(disk, kPath);
    ASSERT_TRUE(writer) << seed << ": " << writer.error().message;
    EXPECT_GE((*writer)->revision(), 6) << seed;
  }
}

}  // namespace
}  // namespace cairn::archive
