// Listings by range, in order, counted and of the past.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "api/rest_fixture.h"
#include "base/percent.h"

namespace cairn::api {
namespace {

using Json = nlohmann::json;

struct RestList : RestApi {
  // c, a, b, d: created in this order, b written twice, the values in the order of the alphabet backwards.
  void SetUp() override {
    for (const char* each : {"c", "a", "b", "d"})
      http("PUT", std::string("/v1/kv/") + each, std::string(1, static_cast<char>('a' + 'z' - each[0])));
    http("PUT", "/v1/kv/b", "again");
  }
  Json list(const std::string& query) { return Json::parse(http("GET", "/v1/kv" + query)->response->body); }
  std::string keys(const std::string& query) {
    std::string all;
    const Json page = list(query);
    for (const Json& each : page["kvs"]) all += each["key"].get<std::string>();
    return all;
  }
  std::string detail(const std::string& query) {
    EXPECT_EQ(status("GET", "/v1/kv" + query), 400) << query;
    return list(query).value("detail", "");
  }
};

TEST_F(RestList, ARangeIsHalfOpen) {
  EXPECT_EQ(keys("?from=b&to=d"), "bc");
  EXPECT_EQ(keys("?from=bb"), "cd");
  EXPECT_EQ(keys("?to=b"), "a");
  EXPECT_EQ(keys("?from="), "abcd");
  EXPECT_EQ(keys("?enc=base64url&from=" + base64url_encode("b") + "&to=" + base64url_encode("c")), "b");
  const Json first = list("?from=a&to=d&limit=2");
  EXPECT_EQ(first["more"], true);
  EXPECT_EQ(keys("?from=a&to=d&cursor=" + first["cursor"].get<std::string>()), "c");
}

TEST_F(RestList, InAnyOrder) {
  EXPECT_EQ(keys("?sort=create"), "cabd");
  EXPECT_EQ(keys("?sort=mod"), "cadb");
  EXPECT_EQ(keys("?sort=mod&order=descending"), "bdac");
  EXPECT_EQ(keys("?sort=version&order=descending"), "bacd") << "what is alike stays in the order of keys";
  EXPECT_EQ(keys("?sort=value"), "bdca");
  EXPECT_EQ(keys("?sort=value&keys_only=true"), "bdca");
  EXPECT_EQ(keys("?order=descending&from=b"), "dcb");
  EXPECT_EQ(keys("?sort=key&order=ascending&limit=2"), "ab");
  EXPECT_FALSE(list("?sort=value&keys_only=true")["kvs"][0].contains("value"));
}

TEST_F(RestList, SortedPagesTogetherAreOneState) {
  std::string all, cursor;
  do {
    const Json page = list("?sort=create&limit=1" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page["kvs"].size(), 1U);
    all += page["kvs"][0]["key"].get<std::string>();
    cursor = page.value("cursor", "");
    http("DELETE", "/v1/kv/d");
  } while (!cursor.empty());
  EXPECT_EQ(all, "cabd");
}

TEST_F(RestList, Counts) {
  EXPECT_EQ(list("?count_only=true"), Json({{"revision", 6}, {"count", 4}, {"more", false}}));
  EXPECT_EQ(list("?count_only=true&prefix=b")["count"], 1);
  EXPECT_EQ(list("?count_only=true&from=b")["count"], 3);
  EXPECT_EQ(list("?count_only=true&from=e")["count"], 0);
  EXPECT_EQ(list("?count_only=false")["kvs"].size(), 4U);
}

TEST_F(RestList, ThePast) {
  EXPECT_EQ(keys("?rev=3"), "ac");
  EXPECT_EQ(keys("?rev=3&order=descending"), "ca");
  EXPECT_EQ(list("?rev=3&count_only=true")["count"], 2);
  EXPECT_EQ(code("GET", "/v1/kv?rev=99&count_only=true"), "future_revision");
  EXPECT_EQ(code("GET", "/v1/kv?rev=99&sort=mod"), "future_revision");
}

// What is past has to be looked at key by key: a bounded number in one turn.
TEST_F(RestList, CountsOfThePastComeInPagesThatAddUp) {
  Config narrow;
  narrow.page_keys_default = narrow.page_keys_max = 3;
  narrow.page_step_keys = 2;
  Api pages(narrow, member);
  std::string cursor;
  std::vector<int> counts;
  do {
    const auto call = std::make_shared<FakeHttpCall>();
    call->asked = {
        "GET", "/v1/kv?count_only=true&rev=5" + (cursor.empty() ? "" : "&cursor=" + cursor), {}, ""};
    pages.on_http(call);
    const Json page = Json::parse(call->response->body);
    counts.push_back(page["count"].get<int>());
    cursor = page.value("cursor", "");
  } while (!cursor.empty());
  EXPECT_EQ(counts, (std::vector<int>{3, 1}));
}

TEST_F(RestList, WhatContradictsItselfIsRefused) {
  EXPECT_NE(detail("?prefix=a&from=b").find("two ways"), std::string::npos);
  EXPECT_NE(detail("?prefix=&to=b").find("two ways"), std::string::npos);
  EXPECT_NE(detail("?from=b&to=b").find("no key is from 'b' up to before 'b'"), std::string::npos);
  EXPECT_NE(detail("?from=c&to=b").find("no key is from"), std::string::npos);
  EXPECT_NE(detail("?to=").find("no key is from"), std::string::npos);
  for (const char* const also : {"limit=3", "keys_only=true", "sort=mod", "order=ascending"})
    EXPECT_NE(detail(std::string("?count_only=true&") + also).find("means nothing"), std::string::npos)
        << also;
  EXPECT_NE(detail("?count_only=perhaps").find("neither true nor false"), std::string::npos);
  EXPECT_NE(detail("?sort=size").find("key, create, mod, version or value"), std::string::npos);
  EXPECT_NE(detail("?order=up").find("ascending or descending"), std::string::npos);
  EXPECT_NE(detail("?sorted=key").find("known here: "), std::string::npos);
}

TEST_F(RestList, ACursorBelongsToOneWayOfListing) {
  const std::string by_key = list("?limit=1")["cursor"], sorted = list("?limit=1&sort=mod")["cursor"];
  EXPECT_EQ(status("GET", "/v1/kv?sort=mod&cursor=" + by_key), 400);
  EXPECT_EQ(status("GET", "/v1/kv?cursor=" + sorted), 400);
  EXPECT_EQ(status("GET", "/v1/kv?from=c&cursor=" + by_key), 400) << "it lies before the range";
  EXPECT_NE(detail("?rev=3&cursor=" + by_key).find("not of rev=3"), std::string::npos);
  EXPECT_EQ(keys("?rev=6&cursor=" + by_key), "bcd");
  EXPECT_EQ(keys("?sort=mod&cursor=6-99"), "");
}

TEST_F(RestList, WhatIsTooMuchToSortIsRefused) {
  Config narrow;
  narrow.sort_keys_max = 4;
  narrow.page_step_keys = 1;
  const auto sorted = [this](const Config& config) {
    Api bounded(config, member);
    const auto call = std::make_shared<FakeHttpCall>();
    call->asked = {"GET", "/v1/kv?sort=mod", {}, ""};
    bounded.on_http(call);
    return *call->response;
  };
  EXPECT_EQ(sorted(narrow).status, 200) << "just fits";
  narrow.sort_keys_max = 3;
  EXPECT_EQ(sorted(narrow).status, 400);
  EXPECT_NE(sorted(narrow).body.find("narrow the range"), std::string::npos);
  narrow.sort_keys_max = 4;
  narrow.sort_bytes_max = 1;
  EXPECT_EQ(sorted(narrow).status, 400);
}

}  // namespace
}  // namespace cairn::api
