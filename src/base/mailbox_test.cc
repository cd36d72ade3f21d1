#include "base/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace cairn {
namespace {

TEST(Mailbox, DrainForComesBackWithNothing) {
  Mailbox<int> mailbox(4);
  std::vector<int> items{7};
  EXPECT_TRUE(mailbox.drain_for(&items, std::chrono::nanoseconds(0)));
  EXPECT_TRUE(items.empty());
  mailbox.push(1);
  EXPECT_TRUE(mailbox.drain_for(&items, std::chrono::nanoseconds(0)));
  EXPECT_EQ(items, std::vector<int>{1});
  mailbox.push(2);
  mailbox.close();
  EXPECT_TRUE(mailbox.drain_for(&items, std::chrono::hours(1)));
  EXPECT_EQ(items, std::vector<int>{2});
  EXPECT_FALSE(mailbox.drain_for(&items, std::chrono::hours(1)));
}

TEST(Mailbox, RefusesAtCapacityUntilDrained) {
  Mailbox<int> mailbox(2);
  EXPECT_TRUE(mailbox.try_push(1));
  EXPECT_TRUE(mailbox.try_push(2));
  EXPECT_FALSE(mailbox.try_push(3));
  std::vector<int> items;
  EXPECT_TRUE(mailbox.drain(&items));
  EXPECT_EQ(items, (std::vector{1, 2}));
  EXPECT_TRUE(mailbox.try_push(4));
}

TEST(Mailbox, CompletionsAreNeverRefused) {
  Mailbox<int> mailbox(1);
  EXPECT_TRUE(mailbox.try_push(1));
  mailbox.push(2);
  mailbox.push(3);
  EXPECT_FALSE(mailbox.try_push(4));
  std::vector<int> items;
  EXPECT_TRUE(mailbox.drain(&items));
  EXPECT_EQ(items, (std::vector{1, 2, 3}));
}

TEST(Mailbox, DrainForgetsWhatTheVectorHeld) {
  Mailbox<int> mailbox(1);
  std::vector<int> items{7, 8, 9};
  EXPECT_TRUE(mailbox.try_push(1));
  EXPECT_TRUE(mailbox.drain(&items));
  EXPECT_EQ(items, std::vector{1});
}

TEST(Mailbox, ClosedGivesOutWhatIsInsideAndTakesNothing) {
  Mailbox<int> mailbox(8);
  mailbox.push(1);
  mailbox.close();
  mailbox.push(2);
  EXPECT_FALSE(mailbox.try_push(3));
  std::vector<int> items;
  EXPECT_TRUE(mailbox.drain(&items));
  EXPECT_EQ(items, std::vector{1});
  EXPECT_FALSE(mailbox.drain(&items));
  EXPECT_TRUE(items.empty());
  mailbox.close();  // a second time changes nothing
  EXPECT_FALSE(mailbox.drain(&items));
}

TEST(Mailbox, CloseEndsAWait) {
  Mailbox<int> mailbox(1);
  bool more = true;
  std::thread reader([&] {
    std::vector<int> items;
    more = mailbox.drain(&items);
  });
  mailbox.close();
  reader.join();
  EXPECT_FALSE(more);
}

TEST(Mailbox, MovesWhatCannotBeCopied) {
  Mailbox<std::unique_ptr<int>> mailbox(2);
  EXPECT_TRUE(mailbox.try_push(std::make_unique<int>(1)));
  mailbox.push(std::make_unique<int>(2));
  std::vector<std::unique_ptr<int>> items;
  EXPECT_TRUE(mailbox.drain(&items));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(*items[0] + *items[1], 3);
}

TEST(Mailbox, LosesNothingAndKeepsTheOrderOfEachThread) {
  constexpr std::size_t kWriters = 4;
  constexpr int kEach = 5000;
  constexpr std::size_t kCapacity = 64;
  struct Item {
    std::size_t writer;
    int number;
  };
  Mailbox<Item> mailbox(kCapacity);
  std::vector<std::thread> writers;
  for (std::size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&mailbox, writer] {
      for (int number = 0; number < kEach; ++number) {
        while (!mailbox.try_push({writer, number})) std::this_thread::yield();
      }
    });
  }
  std::thread closer([&] {
    for (auto& writer : writers) writer.join();
    mailbox.close();
  });
  std::vector<int> next(kWriters, 0);
  std::size_t most = 0, out_of_order = 0;
  std::vector<Item> items;
  while (mailbox.drain(&items)) {
    most = std::max(most, items.size());
    for (const Item& item : items) {
      if (item.number != next[item.writer]++) ++out_of_order;
    }
  }
  closer.join();
  EXPECT_EQ(next, std::vector<int>(kWriters, kEach));
  EXPECT_EQ(out_of_order, 0U);
  EXPECT_LE(most, kCapacity);
}

TEST(Mailbox, PushBeyondTheCapacityLosesNothingAmongThreads) {
  constexpr int kEach = 5000;
  Mailbox<int> mailbox(1);
  const auto write = [&mailbox] {
    for (int number = 0; number < kEach; ++number) mailbox.push(number);
  };
  std::thread one(write), other(write);
  std::size_t seen = 0;
  std::vector<int> items;
  while (seen < 2 * kEach && mailbox.drain(&items)) seen += items.size();
  one.join();
  other.join();
  EXPECT_EQ(seen, 2U * kEach);
}

}  // namespace
}  // namespace cairn
