#include "api/json_messages.h"

#include <gtest/gtest.h>

#include "proto/rpc.pb.h"

namespace cairn::api {
namespace {

using etcdserverpb::PutRequest;
using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::TxnRequest;

template <class Message>
Message parsed(std::string_view json) {
  Message message;
  const auto bytes = message_of(Message::descriptor(), json);
  EXPECT_TRUE(bytes) << json << ": " << bytes.error().message;
  EXPECT_TRUE(message.ParseFromString(bytes.value_or("")));
  return message;
}

template <class Message>
std::string why_not(std::string_view json) {
  const auto bytes = message_of(Message::descriptor(), json);
  EXPECT_FALSE(bytes) << json;
  if (bytes) return "";
  EXPECT_EQ(bytes.error().code, Code::invalid_argument);
  return bytes.error().message;
}

TEST(JsonMessages, NumbersComeAsTextOrNot) {
  EXPECT_EQ(parsed<RangeRequest>(R"({"key":"Zm9v","revision":"9223372036854775807"})").revision(),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parsed<RangeRequest>(R"({"key":"Zm9v","limit":-5})").limit(), -5);
  EXPECT_EQ(parsed<RangeRequest>(R"({"key":"Zm9v"})").key(), "foo");
}

TEST(JsonMessages, NamesOfFieldsAndValuesInBothSpellings) {
  EXPECT_EQ(parsed<RangeRequest>(R"({"rangeEnd":"AA=="})").range_end(), std::string(1, '\0'));
  EXPECT_EQ(parsed<RangeRequest>(R"({"range_end":"AA=="})").range_end(), std::string(1, '\0'));
  EXPECT_EQ(parsed<RangeRequest>(R"({"sort_order":"DESCEND"})").sort_order(), RangeRequest::DESCEND);
  EXPECT_EQ(parsed<RangeRequest>(R"({"sort_order":2})").sort_order(), RangeRequest::DESCEND);
}

TEST(JsonMessages, NothingAndTheEmptyObjectAreTheEmptyMessage) {
  for (const char* body : {"", " \r\n", "{}"}) EXPECT_EQ(parsed<PutRequest>(body).ByteSizeLong(), 0U) << body;
}

// What is passed over could have been a condition.
TEST(JsonMessages, WhatIsNotUnderstoodInFullIsRefused) {
  for (const char* body : {R"({"key":"Zm9v","ifVersion":1})", R"({"sort_order":"UP"})", R"({"key":"!!"})",
                           R"({"revision":"1x"})", R"({"limit":1.5})", R"([1])", R"(1)", R"({"key":"Zm9v")",
                           R"({"key":"Zm9v"} {"key":"Zm9v"})", R"({"limit":99999999999999999999})", "\xff"})
    EXPECT_TRUE(why_not<RangeRequest>(body).starts_with(
        "cairn: the body is no JSON object of etcdserverpb.RangeRequest: "))
        << body;
}

TEST(JsonMessages, TheReasonIsOneLine) {
  EXPECT_EQ(why_not<RangeRequest>(R"({"key":"Zm9v")").find('\n'), std::string::npos);
}

// A parser that follows every level with one of its own calls would run out of stack.
TEST(JsonMessages, NestingHasAnEnd) {
  std::string open, close;
  for (int i = 0; i < 100'000; ++i) {
    open += R"({"success":[{"request_txn":)";
    close += "}]}";
  }
  EXPECT_NE(why_not<TxnRequest>(open + "{}" + close), "");
  EXPECT_NE(why_not<TxnRequest>(open), "");
  EXPECT_EQ(
      parsed<TxnRequest>(R"({"success":[{"request_txn":{"failure":[{"request_put":{"key":"YQ=="}}]}}]})")
          .success(0)
          .request_txn()
          .failure(0)
          .request_put()
          .key(),
      "a");
}

TEST(JsonMessages, ZeroIsLeftOutAndLargeNumbersAreText) {
  RangeResponse response;
  response.mutable_header()->set_cluster_id(std::numeric_limits<std::uint64_t>::max());
  auto* const kv = response.add_kvs();
  kv->set_key("foo");
  kv->set_mod_revision(7);
  response.set_count(1);
  EXPECT_EQ(
      json_of(RangeResponse::descriptor(), response.SerializeAsString()),
      R"({"header":{"cluster_id":"18446744073709551615"},"kvs":[{"key":"Zm9v","mod_revision":"7"}],"count":"1"})");
  EXPECT_EQ(json_of(RangeResponse::descriptor(), ""), "{}");
}

// ---- several in one body ----

std::vector<std::string_view> split(std::string_view body) {
  const auto objects = objects_of(body, 5);
  EXPECT_TRUE(objects) << body;
  return objects.value_or(std::vector<std::string_view>());
}

TEST(JsonObjects, FollowEachOtherWithAnySpace) {
  EXPECT_EQ(split(""), std::vector<std::string_view>());
  EXPECT_EQ(split("{}{}\n {\"a\":\"}{\\\"}\"}\r\n"),
            (std::vector<std::string_view>{"{}", "{}", "{\"a\":\"}{\\\"}\"}"}));
  EXPECT_EQ(split(R"({"a":[{"b":{}}]}{})"), (std::vector<std::string_view>{R"({"a":[{"b":{}}]})", "{}"}));
}

TEST(JsonObjects, NothingElseMayStandBetween) {
  for (const char* body : {"{", "{}x", "{},{}", "[{}]", "1", "{}{\"a\":\"", "{\"a\":\"\\", "}", "{[}"})
    EXPECT_FALSE(objects_of(body, 5) && !std::string_view(body).starts_with("{[")) << body;
}

TEST(JsonObjects, NotMoreThanIsAllowed) {
  EXPECT_EQ(split("{}{}{}{}{}").size(), 5U);
  const auto more = objects_of("{}{}{}{}{}{}", 5);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message, "cairn: more than 5 objects in one body");
}

// ---- long ones ----

// Bytes that come in pieces of whatever size.
class Pieces final : public LongMessage {
 public:
  Pieces(std::string bytes, std::size_t at_once) : bytes_(std::move(bytes)), at_once_(at_once) {}
  bool measure() override { return ++measured_ > 2; }
  std::size_t size_bytes() const override { return bytes_.size(); }
  void read(std::size_t bytes_max, std::string* out) override {
    const std::size_t size = std::min({bytes_max, at_once_, bytes_.size() - at_});
    out->append(bytes_, at_, size);
    at_ += size;
  }
  bool finished() const override { return at_ == bytes_.size(); }

 private:
  const std::string bytes_;
  const std::size_t at_once_;
  std::size_t at_ = 0;
  int measured_ = 0;
};

TEST(LongJson, IsWhatTheWholeMessageWouldBe) {
  for (const int keys : {0, 1, 5}) {
    RangeResponse response, head;
    head.mutable_header()->set_revision(9);
    for (int i = 0; i < keys; ++i) {
      auto* const kv = response.add_kvs();
      kv->set_key("key" + std::to_string(i));
      kv->set_value(std::string(static_cast<std::size_t>(i) * 100, 'x'));
    }
    response.set_more(keys == 5);
    response.set_count(keys);
    const std::string rest = response.SerializeAsString();
    const std::string whole = json_of(RangeResponse::descriptor(), head.SerializeAsString() + rest);
    for (const std::size_t at_once : {1, 7, 100000}) {
      LongJson json(RangeResponse::descriptor(), head.SerializeAsString(),
                    std::make_unique<Pieces>(rest, at_once));
      std::string text;
      std::size_t steps = 0;
      for (; !json.finished(); ++steps) text += json.step(50);
      EXPECT_EQ(text, whole);
      EXPECT_GT(steps, rest.size() / 50) << "in pieces";
    }
  }
}

}  // namespace
}  // namespace cairn::api
