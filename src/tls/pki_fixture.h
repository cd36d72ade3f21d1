// For tests: a CA of their own and what it has signed, in files that go away; and layers that show them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tls/channel.h"
#include "tls/issue.h"

namespace cairn::tls {

inline Order order_for(const std::string& name, std::vector<std::string> hosts = {}) {
  Order order;
  order.common_name = name;
  order.hosts = std::move(hosts);
  order.from = std::chrono::system_clock::now() - std::chrono::hours(1);
  order.until = std::chrono::system_clock::now() + std::chrono::hours(1);
  return order;
}

// A CA and what it has signed, in files.
struct PkiFiles {
  PkiFiles() : folder(std::filesystem::path(testing::TempDir()) / ("pki" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder);
    ca = *make_ca(order_for("Cairn's test CA"));
    write("ca.crt", ca.certificate_pem);
    sign("server", order_for("server", {"localhost", "127.0.0.1"}));
    sign("client", order_for("client"));
  }
  ~PkiFiles() { std::filesystem::remove_all(folder); }
  PkiFiles(const PkiFiles&) = delete;
  PkiFiles& operator=(const PkiFiles&) = delete;

  std::string path(const std::string& name) const { return (folder / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  void sign(const std::string& name, const Order& order) {
    const Issued issued = *issue(ca, order);
    write(name + ".crt", issued.certificate_pem);
    write(name + ".key", issued.key_pem);
  }
  Options of(const std::string& name) const {
    Options options;
    options.certificate_file = path(name + ".crt");
    options.key_file = path(name + ".key");
    options.trusted_ca_file = path("ca.crt");
    return options;
  }

  std::filesystem::path folder;
  Issued ca;
};

inline net::Layer layer_of(Role role, const Options& options, const std::string& protocols = "") {
  return [context = *Context::load(role, options), protocols](
             boost::asio::io_context& io, std::shared_ptr<net::Channel> plain, const std::string& with) {
    Parameters parameters;
    parameters.context = context;
    if (context->role() == Role::client) parameters.server_name = with;
    parameters.protocols = protocols;
    return secure(io, std::move(plain), std::move(parameters));
  };
}

}  // namespace cairn::tls
