// The REST API over a FakeMember: requests in, answers out, without a connection.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "api/member_fixture.h"

namespace cairn::api {

struct RestApi : testing::Test {
  explicit RestApi(Config config = {.name = "n1"}) : api(std::move(config), member) {}

  std::shared_ptr<FakeHttpCall> http(const std::string& method, const std::string& target,
                                     const std::string& body = "", rpc::Headers headers = {}) {
    auto call = std::make_shared<FakeHttpCall>();
    call->asked = {method, target, std::move(headers), body};
    api.on_http(call);
    EXPECT_TRUE(call->response.has_value()) << method << " " << target;
    if (!call->response) call->response.emplace();
    return call;
  }
  int status(const std::string& method, const std::string& target, const std::string& body = "",
             rpc::Headers headers = {}) {
    return http(method, target, body, std::move(headers))->response->status;
  }
  std::string code(const std::string& method, const std::string& target, const std::string& body = "",
                   rpc::Headers headers = {}) {
    const auto call = http(method, target, body, std::move(headers));
    EXPECT_EQ(call->header("content-type"), "application/problem+json");
    return nlohmann::json::parse(call->response->body)["code"];
  }

  FakeMember member;
  Api api;
};

}  // namespace cairn::api
