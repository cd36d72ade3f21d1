// Fills a server of etcd's v3 API with keys, or lists them all in one call, and prints what it saw as JSON:
//   large_list --endpoint 127.0.0.1:2379 fill --keys 200000 [--value-bytes 256]
//   large_list --endpoint 127.0.0.1:2379 list [--times 3] [--sort mod]
// The hash is of the decoded answer without its header, so it can be compared between servers.
#include <xxhash.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <iostream>
#include <string>

#include "proto/rpc.pb.h"
#include "rpc/client.h"

namespace cairn::large_list {
namespace {

constexpr int kPutsPerTxn = 128;
constexpr auto kPatience = std::chrono::minutes(5);

struct Server {
  Server(const std::string& host, std::uint16_t port) : client(io, host, port) {}
  rpc::GrpcResult call(std::string_view path, const google::protobuf::MessageLite& request) {
    return rpc::call_and_wait(io, client, path, request.SerializeAsString(), {}, kPatience);
  }
  boost::asio::io_context io;
  rpc::GrpcClient client;
};

int failed(const rpc::GrpcResult& result) {
  std::cerr << "code " << static_cast<int>(result.code) << ": " << result.status_message << "\n";
  return 1;
}

std::string key_of(int number) {
  std::string digits = std::to_string(number);
  return "large/" + std::string(8 - digits.size(), '0') + digits;
}

// Values differ, so that an answer that mixes them up shows.
std::string value_of(int number, std::size_t size) {
  std::string value = std::to_string(number) + ":";
  while (value.size() < size)
    value.push_back(static_cast<char>('a' + (value.size() * 7 + value.size() / 26) % 26));
  value.resize(size);
  return value;
}

int fill(Server* server, int keys, std::size_t value_bytes) {
  for (int first = 0; first < keys; first += kPutsPerTxn) {
    etcdserverpb::TxnRequest txn;
    for (int i = first; i < std::min(keys, first + kPutsPerTxn); ++i) {
      auto* const put = txn.add_success()->mutable_request_put();
      put->set_key(key_of(i));
      put->set_value(value_of(i, value_bytes));
    }
    if (const auto result = server->call("/etcdserverpb.KV/Txn", txn); result.code != Code::ok)
      return failed(result);
  }
  return 0;
}

int list(Server* server, int times, const std::string& sort) {
  etcdserverpb::RangeRequest request;
  request.set_key("large/");
  request.set_range_end("large0");
  if (sort == "mod") request.set_sort_target(etcdserverpb::RangeRequest::MOD);
  if (sort == "key-descending" || sort == "mod") request.set_sort_order(etcdserverpb::RangeRequest::DESCEND);
  for (int i = 0; i < times; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const rpc::GrpcResult result = server->call("/etcdserverpb.KV/Range", request);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (result.code != Code::ok) return failed(result);
    etcdserverpb::RangeResponse response;
    if (!response.ParseFromString(result.message))
      return failed({Code::data_loss, "not a RangeResponse", ""});
    response.clear_header();
    // Equal keys of the sort target come in no specified order.
    const std::string decoded = sort == "mod" ? "" : response.SerializeAsString();
    std::cout << "{\"seconds\":" << took.count() << ",\"bytes\":" << result.message.size()
              << ",\"kvs\":" << response.kvs_size() << ",\"count\":" << response.count() << ",\"hash\":\""
              << XXH3_64bits(decoded.data(), decoded.size()) << "\"}" << std::endl;
  }
  return 0;
}

int run(int count, char** arguments) {
  CLI::App app("Fills a server with keys, or lists them all in one call.");
  std::string endpoint, sort;
  int keys = 0, times = 1;
  std::size_t value_bytes = 256;
  app.add_option("--endpoint", endpoint)->required();
  CLI::App* const filling = app.add_subcommand("fill");
  filling->add_option("--keys", keys)->required();
  filling->add_option("--value-bytes", value_bytes);
  CLI::App* const listing = app.add_subcommand("list");
  listing->add_option("--times", times);
  listing->add_option("--sort", sort);
  app.require_subcommand(1);
  CLI11_PARSE(app, count, arguments);
  const std::size_t colon = endpoint.rfind(':');
  Server server(endpoint.substr(0, colon), static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1))));
  return filling->parsed() ? fill(&server, keys, value_bytes) : list(&server, times, sort);
}

}  // namespace
}  // namespace cairn::large_list

int main(int count, char** arguments) { return cairn::large_list::run(count, arguments); }
