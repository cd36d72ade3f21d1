// A server on loopback for the tests of this folder, on their loop, whose handler is theirs.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <vector>

#include "rpc/server.h"

namespace cairn::load {

template <class Handler>
struct Served : testing::Test {
  Served() : server(io, {}, handler) {
    const auto port = server.listen("127.0.0.1", 0);
    EXPECT_TRUE(port.has_value());
    endpoints = {"http://127.0.0.1:" + std::to_string(port ? *port : 0)};
  }
  boost::asio::io_context io;
  Handler handler;
  rpc::Server server;
  std::vector<std::string> endpoints;
};

}  // namespace cairn::load
