// Being somebody: when it logs in, and what it sends.
#include "client/login.h"

#include <gtest/gtest.h>

#include <deque>
#include <optional>

namespace cairn::client {
namespace {

using std::chrono::milliseconds;

struct FakeTransport final : Transport {
  std::deque<std::variant<Response, Failure>> answers;
  std::vector<std::string> asked;  // target and authorization

  std::variant<Response, Failure> exchange(const std::string&, const Request& request,
                                           milliseconds) override {
    std::string who;
    for (const auto& [name, value] : request.headers)
      if (name == "authorization") who = value;
    asked.push_back(request.target + "|" + who);
    auto answer = answers.at(0);
    answers.pop_front();
    return answer;
  }
  std::chrono::steady_clock::time_point now() override { return {}; }
  void sleep(milliseconds) override {}
};

struct LoginTest : testing::Test {
  std::shared_ptr<FakeTransport> fake = std::make_shared<FakeTransport>();
  // The transport that it owns hands on to the fake, which the test looks at.
  struct Handle final : Transport {
    explicit Handle(std::shared_ptr<FakeTransport> of) : to(std::move(of)) {}
    std::variant<Response, Failure> exchange(const std::string& endpoint, const Request& request,
                                             milliseconds timeout) override {
      return to->exchange(endpoint, request, timeout);
    }
    std::chrono::steady_clock::time_point now() override { return to->now(); }
    void sleep(milliseconds duration) override { to->sleep(duration); }
    std::shared_ptr<FakeTransport> to;
  };
  std::unique_ptr<Transport> transport = as_user({"ann", "pw"}, std::make_unique<Handle>(fake));

  std::variant<Response, Failure> get() {
    return transport->exchange("http://a", {"GET", "/v1/kv/k", {}, ""}, milliseconds(1000));
  }
  int status() { return std::get<Response>(get()).status; }
  std::vector<std::string> asked() { return std::exchange(fake->asked, {}); }
  static Response answer(int status, const std::string& body = "{}") { return {status, {}, body}; }
  static Response token(const std::string& text) { return answer(200, R"({"token":")" + text + R"("})"); }
};

constexpr char kLogin[] = "/v3/auth/authenticate|";

TEST_F(LoginTest, LogsInOnceAndSendsItsToken) {
  fake->answers = {token("t1"), answer(200), answer(200)};
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(asked(), (std::vector<std::string>{kLogin, "/v1/kv/k|Bearer t1", "/v1/kv/k|Bearer t1"}));
}

TEST_F(LoginTest, LogsInOnceMoreWhenTheLoginIsOver) {
  fake->answers = {token("t1"), answer(200), answer(401), token("t2"), answer(200)};
  EXPECT_EQ(status(), 200);
  asked();
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(asked(), (std::vector<std::string>{"/v1/kv/k|Bearer t1", kLogin, "/v1/kv/k|Bearer t2"}));
  fake->answers = {answer(401), token("t3"), answer(401)};
  EXPECT_EQ(status(), 401) << "a login that was just made is not made again";
}

TEST_F(LoginTest, AWrongPasswordIsTheAnswer) {
  fake->answers = {
      answer(400, R"({"message":"etcdserver: authentication failed, invalid user ID or password"})")};
  EXPECT_EQ(status(), 401);
  EXPECT_EQ(asked(), (std::vector<std::string>{kLogin})) << "nothing was asked";
}

TEST_F(LoginTest, WhereNobodyIsAskedItIsNobody) {
  fake->answers = {answer(400, R"({"message":"etcdserver: authentication is not enabled"})"), answer(200)};
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(asked(), (std::vector<std::string>{kLogin, "/v1/kv/k|"}));
  fake->answers = {answer(200), answer(401), token("t1"), answer(200)};
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(asked(), (std::vector<std::string>{"/v1/kv/k|"})) << "nor is that asked each time";
  EXPECT_EQ(status(), 200) << "until it is refused";
}

TEST_F(LoginTest, WithoutAGatewayThePasswordGoesAlong) {
  fake->answers = {answer(404), answer(200)};
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(asked(), (std::vector<std::string>{kLogin, "/v1/kv/k|Basic YW5uOnB3"}));
}

TEST_F(LoginTest, ALoginThatGotNoAnswerHasSentNothingElse) {
  fake->answers = {Failure{true, "gone"}};
  const auto got = get();
  ASSERT_TRUE(std::holds_alternative<Failure>(got));
  EXPECT_FALSE(std::get<Failure>(got).sent);
}

}  // namespace
}  // namespace cairn::client
