#include "load/range_skim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "proto/rpc.pb.h"

namespace cairn::load {
namespace {

std::string answer_of(int kvs, std::int64_t count) {
  etcdserverpb::RangeResponse response;
  response.mutable_header()->set_revision(1'000'000);
  for (int i = 0; i < kvs; ++i) {
    auto* const kv = response.add_kvs();
    kv->set_key("key/" + std::to_string(i));
    kv->set_value(std::string(static_cast<std::size_t>(i) * 50, '\xff'));
    kv->set_mod_revision(1'000'000 + i);
  }
  response.set_count(count);
  return response.SerializeAsString();
}

bool whole(std::string_view bytes, std::size_t piece_bytes) {
  RangeSkim skim;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size())))
    skim.feed(bytes.substr(0, piece_bytes));
  return skim.whole();
}

TEST(RangeSkim, AWholeAnswerIsWholeHoweverItIsCut) {
  for (const int kvs : {0, 1, 7, 100}) {
    const std::string answer = answer_of(kvs, kvs);
    for (const std::size_t piece_bytes :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{1000}, answer.size() + 1})
      EXPECT_TRUE(whole(answer, piece_bytes)) << kvs << " in pieces of " << piece_bytes;
  }
}

TEST(RangeSkim, AnAnswerThatBreaksOffAnywhereIsNot) {
  const std::string answer = answer_of(5, 5), header = answer_of(0, 0);
  for (std::size_t size = header.size() + 1; size < answer.size(); ++size)
    EXPECT_FALSE(whole(std::string_view(answer).substr(0, size), 1000)) << size;
}

TEST(RangeSkim, AsManyKeysAsCounted) {
  EXPECT_FALSE(whole(answer_of(5, 6), 1000));
  EXPECT_FALSE(whole(answer_of(5, 4), 1000));
  EXPECT_FALSE(whole(answer_of(5, 0), 1000));
}

TEST(RangeSkim, WhatIsNoRangeResponseIsNot) {
  EXPECT_FALSE(whole(std::string(20, '\xff'), 1000)) << "a number of more than ten bytes";
  EXPECT_FALSE(whole("\x0d", 1000)) << "a wire type that it has no field of";
}

}  // namespace
}  // namespace cairn::load
