#include "cli/ask_all.h"

#include <thread>

namespace cairn::cli {

std::vector<client::Answer<client::Status>> ask_all(const std::vector<std::string>& endpoints,
                                                    std::chrono::milliseconds timeout, const client::Tls& tls,
                                                    const client::User& user) {
  std::vector<client::Answer<client::Status>> answers(endpoints.size(), client::Error{});
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < endpoints.size(); ++i)
    threads.emplace_back([&, i] {
      client::Client client({.endpoints = {endpoints[i]}, .timeout = timeout, .tls = tls, .user = user});
      answers[i] = client.status(endpoints[i]);
    });
  for (std::thread& each : threads) each.join();
  return answers;
}

}  // namespace cairn::cli
