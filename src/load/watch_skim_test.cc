#include "load/watch_skim.h"

#include <gtest/gtest.h>

#include "load/stamp.h"
#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

etcdserverpb::WatchResponse response_of(int puts) {
  etcdserverpb::WatchResponse response;
  response.mutable_header()->set_revision(1'000'000);
  response.set_watch_id(7);
  for (int i = 0; i < puts; ++i) {
    auto* const kv = response.add_events()->mutable_kv();
    kv->set_key("key/" + std::to_string(i));
    kv->set_mod_revision(1'000'000 + i);
    kv->set_value("value" + std::to_string(i));
    kv->set_lease(-1);
  }
  return response;
}

struct WatchSkimTest : testing::Test {
  WatchNews skim(std::string_view bytes) {
    values.clear();
    return skim_watch(bytes, &values);
  }
  std::vector<std::string_view> values;
};

TEST_F(WatchSkimTest, FindsEventsAndTheValuesThatWereWritten) {
  etcdserverpb::WatchResponse response = response_of(3);
  auto* const removed = response.add_events();
  removed->set_type(mvccpb::Event::DELETE);
  removed->mutable_kv()->set_key("gone");
  const std::string bytes = response.SerializeAsString();
  const WatchNews news = skim(bytes);
  EXPECT_TRUE(news.whole);
  EXPECT_FALSE(news.created || news.canceled);
  EXPECT_EQ(news.events, 4U);
  EXPECT_EQ(values, (std::vector<std::string_view>{"value0", "value1", "value2"}));
}

TEST_F(WatchSkimTest, ToldApartAreTheBeginningAndTheEndOfAWatch) {
  etcdserverpb::WatchResponse response;
  response.set_created(true);
  EXPECT_TRUE(skim(response.SerializeAsString()).created);
  response.Clear();
  response.set_canceled(true);
  response.set_cancel_reason("compacted");
  const std::string bytes = response.SerializeAsString();
  EXPECT_TRUE(skim(bytes).canceled);
  EXPECT_EQ(skim(bytes).cancel_reason, "compacted");
}

TEST_F(WatchSkimTest, WhatBreaksOffWithinAFieldIsNotWhole) {
  const std::string header = response_of(0).SerializeAsString(), all = response_of(1).SerializeAsString();
  for (std::size_t size = header.size() + 1; size < all.size(); ++size)
    EXPECT_FALSE(skim(std::string_view(all).substr(0, size)).whole) << size;
  EXPECT_FALSE(skim("\x0d").whole) << "a wire type that it has no field of";
}

TEST(Stamp, IsReadAsItWasWritten) {
  std::string value(20, 'x');
  put_stamp(value.data(), 0x0123456789abcdefULL);
  EXPECT_EQ(value, "0123456789abcdefxxxx");
  EXPECT_EQ(stamp_of(value), 0x0123456789abcdefULL);
  EXPECT_EQ(stamp_of(value.substr(0, kStampBytes - 1)), std::nullopt);
  EXPECT_EQ(stamp_of(std::string(20, 'g')), std::nullopt);
}

}  // namespace
}  // namespace cairn::load
