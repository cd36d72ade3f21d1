#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/codec.h"
#include "base/prng.h"
#include "bbolt/format.h"
#include "bbolt/reader.h"
#include "bbolt/writer.h"

namespace cairn::bbolt {
namespace {

using Pairs = std::map<std::string, std::string>;
using Content = std::map<std::string, Pairs>;

struct Text final : Bytes {
  explicit Text(std::string given) : text(std::move(given)) {}
  std::uint64_t size() const override { return text.size(); }
  Status read(std::uint64_t offset, std::span<char> into) override {
    EXPECT_LE(offset + into.size(), text.size());
    std::memcpy(into.data(), text.data() + offset, into.size());
    return {};
  }
  std::string text;
};

void write(const Content& content, Writer* writer) {
  for (const auto& [name, pairs] : content) {
    writer->begin_bucket(name);
    for (const auto& [key, value] : pairs) {
      const std::string_view all(value);
      writer->add(key, all.size(), {all.substr(0, all.size() / 2), all.substr(all.size() / 2)});
    }
    writer->end_bucket();
  }
}

std::string file_of(const Content& content, std::uint32_t page_bytes = Writer::kPageBytes) {
  Writer measure({}, nullptr, page_bytes);
  write(content, &measure);
  const Shape shape = measure.finish();
  std::string out;
  Writer writer(shape, &out, page_bytes);
  write(content, &writer);
  writer.finish();
  EXPECT_EQ(out.size(), shape.pages * page_bytes);
  return out;
}

Result<Content> content_of(const std::string& file, const Limits& limits = {}) {
  Text text(file);
  Reader reader = TRY(Reader::open(&text, limits));
  Content content;
  for (const Reader::Bucket& bucket : reader.buckets()) {
    Pairs& pairs = content[bucket.name];
    TRY(reader.each(bucket, [&](std::string_view key, std::string_view value) -> Status {
      pairs.emplace(key, value);
      return {};
    }));
  }
  return content;
}

std::string refusal(const std::string& file, const Limits& limits = {}) {
  const Result<Content> content = content_of(file, limits);
  EXPECT_FALSE(content.has_value());
  if (content) return "";
  EXPECT_EQ(content.error().code, Code::data_loss);
  return content.error().message;
}

Content random_content(Prng* prng) {
  Content content;
  for (std::uint64_t bucket = prng->below(5); bucket > 0; --bucket) {
    Pairs& pairs = content["bucket" + std::to_string(prng->below(100))];
    const std::size_t value_max = prng->below(3) == 0 ? 20000 : 100;
    for (std::uint64_t i = prng->below(600); i > 0; --i)
      pairs[std::to_string(prng->next()).substr(0, 1 + prng->below(20))] =
          std::string(prng->below(value_max), static_cast<char>('a' + prng->below(26)));
  }
  return content;
}

TEST(Bbolt, WhatIsWrittenIsRead) {
  Prng prng(7);
  for (int i = 0; i < 60; ++i) {
    const Content content = random_content(&prng);
    const std::uint32_t page_bytes = 1024U << prng.below(4);
    const auto read = content_of(file_of(content, page_bytes));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, content);
  }
}

TEST(Bbolt, WritesTreesOfManyLevels) {
  Content content;
  for (int i = 0; i < 20000; ++i) content["key"][std::to_string(1'000'000 + i)] = std::to_string(i);
  const std::string file = file_of(content, 1024);
  const auto read = content_of(file);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(*read, content);
  EXPECT_LT(file.size(), 20000 * 48U);  // compact: little beside 28 bytes a pair
}

// The two first pages stand for each other; whatever else is changed in a page's head, an element or a meta
// is refused, or changes nothing that counts.
TEST(Bbolt, NoDamagedHeadIsTakenForAnother) {
  Content content{{"empty", {}}, {"key", {}}, {"lease", {{"a", "b"}}}};
  for (int i = 0; i < 200; ++i) content["key"][std::to_string(1000 + i)] = "value " + std::to_string(i);
  const std::string file = file_of(content, 1024);
  const std::size_t pages = file.size() / 1024;
  std::size_t refused = 0, tried = 0;
  for (std::size_t page = 0; page < pages; ++page) {
    const std::size_t head = page < 2 ? kPageHeadBytes + kMetaBytes : kPageHeadBytes + kElementBytes;
    for (std::size_t at = 0; at < head; ++at) {
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string damaged = file;
        damaged[page * 1024 + at] = static_cast<char>(damaged[page * 1024 + at] ^ flip);
        const auto read = content_of(damaged);
        ++tried;
        if (!read) {
          ++refused;
          EXPECT_EQ(read.error().code, Code::data_loss);
          EXPECT_NE(read.error().message.find("damaged: "), std::string::npos);
        } else if (page < 3) {
          EXPECT_EQ(*read, content) << page << " " << at;  // the other meta; free pages are nobody's
        }
      }
    }
  }
  EXPECT_GT(refused, tried / 2);
}

TEST(Bbolt, SurvivesAnyDamageAtRandom) {
  Prng prng(11);
  const std::string file = file_of(random_content(&prng), 1024);
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = file;
    for (std::uint64_t n = 1 + prng.below(4); n > 0; --n)
      damaged[prng.below(damaged.size())] = static_cast<char>(prng.next());
    if (prng.below(4) == 0) damaged.resize(prng.below(damaged.size()));
    (void)content_of(damaged);
  }
}

TEST(Bbolt, SaysWhatIsWrongAndWhere) {
  Content content;
  for (int i = 0; i < 300; ++i) content["key"][std::to_string(1000 + i)] = "v";
  const std::string file = file_of(content, 1024);
  const auto with = [&](std::size_t at, auto number) {
    std::string changed = file;
    codec::store(changed.data() + at, number);
    return refusal(changed);
  };
  EXPECT_NE(refusal("").find("no bbolt file, or cut"), std::string::npos);
  EXPECT_NE(refusal(file.substr(0, file.size() - 1)).find("it is cut"), std::string::npos);
  EXPECT_NE(with(3 * 1024, std::uint64_t{9}).find("page 3 says that it is page 9"), std::string::npos);
  EXPECT_NE(with(3 * 1024 + 8, std::uint16_t{kMeta}).find("page 3 is of kind 4"), std::string::npos);
  EXPECT_NE(with(3 * 1024 + 10, std::uint16_t{999}).find("page 3 has 999 keys"), std::string::npos);
  EXPECT_NE(with(3 * 1024 + 12, std::uint32_t{1000}).find("page 3 goes on for 1000 pages"),
            std::string::npos);
  EXPECT_NE(with(3 * 1024 + 12, std::uint32_t{1}).find("is referred to twice"), std::string::npos);
  EXPECT_NE(with(3 * 1024 + 20, std::uint32_t{5000}).find("page 3: key 0 or its value lies outside"),
            std::string::npos);
  EXPECT_NE(with(3 * 1024 + 16, std::uint32_t{1}).find("page 3: key 0 has flags 1"), std::string::npos);
  // Its branch is the page before the last: one that leads to itself.
  const std::size_t branch = file.size() / 1024 - 2;
  EXPECT_NE(with(branch * 1024 + 24, std::uint64_t{branch}).find("is referred to twice"), std::string::npos);
  EXPECT_NE(with(branch * 1024 + 24, std::uint64_t{1 << 20}).find("is referred to, of"), std::string::npos);
}

TEST(Bbolt, KeepsToItsLimits) {
  Content content{{"a", {}}, {"b", {}}};
  for (int i = 0; i < 300; ++i) content["b"][std::to_string(1000 + i)] = "v";
  const std::string file = file_of(content, 1024);
  EXPECT_NE(refusal(file, {.buckets_max = 1}).find("too many buckets"), std::string::npos);
  EXPECT_NE(refusal(file, {.levels_max = 1}).find("2 levels deep"), std::string::npos);
  EXPECT_NE(refusal(file_of({{"long", {}}}), {.name_bytes_max = 3}).find("name of a bucket"),
            std::string::npos);
}

TEST(Bbolt, TheNewerMetaCounts) {
  const std::string file = file_of({{"a", {{"k", "v"}}}}, 1024);
  std::string damaged = file;
  damaged[kPageHeadBytes + 20] ^= 1;  // of the newer one: the other one says the same
  EXPECT_EQ(content_of(damaged).value(), content_of(file).value());
  damaged[1024 + kPageHeadBytes + 20] ^= 1;
  EXPECT_NE(refusal(damaged).find("neither"), std::string::npos);
}

}  // namespace
}  // namespace cairn::bbolt
