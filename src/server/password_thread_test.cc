// Passwords: hashes that only their password fits, and the thread that makes them, with its bound.
#include "server/password_thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <string>
#include <thread>

#include "server/bcrypt.h"

namespace cairn::server {
namespace {

constexpr int kCost = kBcryptCostMin;  // as fast as it gets

TEST(Bcrypt, OnlyThePasswordFitsItsHash) {
  const std::string hash = bcrypt_hash("secret", kCost);
  EXPECT_EQ(hash.substr(0, 7), "$2b$04$");
  EXPECT_EQ(hash.size(), 60U);
  EXPECT_NE(hash, bcrypt_hash("secret", kCost)) << "each has its salt";
  EXPECT_TRUE(bcrypt_matches("secret", hash, kCost));
  EXPECT_TRUE(bcrypt_matches("secret", hash, kCost + 1)) << "of another cost";
  for (const char* const other : {"", "Secret", "secret ", "secre"})
    EXPECT_FALSE(bcrypt_matches(other, hash, kCost));
  EXPECT_TRUE(bcrypt_matches("", bcrypt_hash("", kCost), kCost));
  for (const char* const none : {"", "*0", "*", "secret", "$2b$04$", "$2b$99$abcdefghijklmnopqrstuu"})
    EXPECT_FALSE(bcrypt_matches("secret", none, kCost)) << none;
}

// That golang.org/x/crypto/bcrypt made, as etcd stores them.
TEST(Bcrypt, TakesEtcdsHashes) {
  std::string hash = bcrypt_hash("secret", kCost);
  hash[2] = 'a';
  EXPECT_TRUE(bcrypt_matches("secret", hash, kCost));
}

TEST(Bcrypt, ACostThatThereIsNotMakesNoHash) { EXPECT_EQ(bcrypt_hash("secret", kBcryptCostMax + 1), ""); }

TEST(PasswordThread, HashesAndChecks) {
  PasswordThread thread(kCost);
  std::promise<std::string> hash;
  ASSERT_TRUE(thread.hash("secret", [&hash](std::string made) { hash.set_value(std::move(made)); }));
  const std::string made = hash.get_future().get();
  const auto matches = [&thread](const std::string& password, const std::string& of) {
    std::promise<bool> answer;
    EXPECT_TRUE(thread.check(password, of, [&answer](bool is_right) { answer.set_value(is_right); }));
    return answer.get_future().get();
  };
  EXPECT_TRUE(matches("secret", made));
  EXPECT_FALSE(matches("other", made));
  EXPECT_FALSE(matches("secret", "")) << "nobody's";
}

TEST(PasswordThread, StandsBackForThoseThatServe) {
  const auto niceness = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  PasswordThread thread(kCost);
  std::promise<int> its;
  ASSERT_TRUE(thread.check("", "", [&](bool) { its.set_value(niceness()); }));
  constexpr int kNicest = 19;
  EXPECT_GT(std::min(its.get_future().get(), kNicest), std::min(niceness(), kNicest - 1));
}

TEST(PasswordThread, RefusesWhatWouldWaitBehindTooMany) {
  PasswordThread thread(kCost, {.waiting_max = 2});
  EXPECT_EQ(thread.waiting_max(), 2U);
  std::promise<void> go;
  std::promise<void> second;
  const std::shared_future<void> gone = go.get_future().share();
  ASSERT_TRUE(thread.hash("first", [gone](const std::string&) { gone.wait(); }));
  ASSERT_TRUE(thread.hash("second", [&second](const std::string&) { second.set_value(); }));
  EXPECT_FALSE(thread.hash("third", [](const std::string&) { ADD_FAILURE(); }));
  EXPECT_FALSE(thread.check("fourth", "", [](bool) { ADD_FAILURE(); }));
  go.set_value();
  second.get_future().wait();
  thread.stop();
}

TEST(PasswordThread, WhatWaitsWhenItStopsIsNotAnswered) {
  std::promise<void> begun, go;
  const std::shared_future<void> gone = go.get_future().share();
  bool answered = false;
  PasswordThread thread(kCost, {.waiting_max = std::size_t{1} << 30});
  ASSERT_TRUE(thread.hash("first", [&begun, gone](const std::string&) {
    begun.set_value();
    gone.wait();
  }));
  begun.get_future().wait();
  ASSERT_TRUE(thread.hash("second", [&answered](const std::string&) { answered = true; }));
  std::thread stopping([&thread] { thread.stop(); });
  while (thread.hash("third", [](const std::string&) {})) std::this_thread::yield();
  go.set_value();
  stopping.join();
  EXPECT_FALSE(answered);
  EXPECT_FALSE(thread.hash("fourth", [](const std::string&) {}));
}

}  // namespace
}  // namespace cairn::server
