// Calls one method of those that Cairn and etcd serve, with a request as protobuf's text, and prints what
// comes back:
//   grpc_ask --endpoint 127.0.0.1:2379 v3lockpb.Lock/Lock 'name: "a" lease: 7'
// Each message as a line of JSON, in the end `code N TEXT`. An interrupt cancels the call.
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "proto/election.pb.h"
#include "proto/lock.pb.h"
#include "rpc/client.h"

namespace cairn::grpc_ask {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

// "package.Service/Method".
const MethodDescriptor* method_of(std::string name) {
  static_cast<void>(v3lockpb::LockRequest::descriptor());  // their code is linked where it is named
  static_cast<void>(v3electionpb::LeaderRequest::descriptor());
  const std::size_t slash = name.rfind('/');
  if (slash == std::string::npos) return nullptr;
  name[slash] = '.';
  return DescriptorPool::generated_pool()->FindMethodByName(name);
}

std::unique_ptr<Message> empty(google::protobuf::DynamicMessageFactory* factory,
                               const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(factory->GetPrototype(type)->New());
}

int run(int count, char** arguments) {
  CLI::App app("calls one gRPC method");
  std::string endpoint, name, text, token;
  int timeout_ms = 0;
  app.add_option("--endpoint", endpoint)->required();
  app.add_option("--timeout-ms", timeout_ms);
  app.add_option("--token", token);
  app.add_option("method", name)->required();
  app.add_option("request", text);
  CLI11_PARSE(app, count, arguments);
  const std::size_t colon = endpoint.rfind(':');
  const MethodDescriptor* const method = method_of(name);
  google::protobuf::DynamicMessageFactory factory;
  if (colon == std::string::npos || method == nullptr) {
    std::cerr << "no such endpoint or method\n";
    return 2;
  }
  const auto request = empty(&factory, method->input_type());
  if (!google::protobuf::TextFormat::ParseFromString(text, request.get())) return 2;

  boost::asio::io_context io;
  rpc::GrpcClient client(io, endpoint.substr(0, colon),
                         static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1))));
  boost::asio::signal_set interrupts(io, SIGINT);
  rpc::Headers metadata;
  if (timeout_ms > 0) metadata.emplace_back("grpc-timeout", std::to_string(timeout_ms) + "m");
  if (!token.empty()) metadata.emplace_back("token", token);
  const auto id = client.open_stream(
      "/" + name, metadata,
      [&](std::string_view bytes) {
        const auto answer = empty(&factory, method->output_type());
        answer->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
        std::string json;
        static_cast<void>(google::protobuf::util::MessageToJsonString(*answer, &json));
        std::cout << json << std::endl;
      },
      [&](const rpc::GrpcReply& reply) {
        std::cout << "code " << static_cast<int>(reply.code) << " " << reply.status_message << std::endl;
        io.stop();
      });
  client.write(id, request->SerializeAsString());
  client.half_close(id);
  interrupts.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) client.cancel(id);
  });
  io.run();
  return 0;
}

}  // namespace
}  // namespace cairn::grpc_ask

int main(int count, char** arguments) { return cairn::grpc_ask::run(count, arguments); }
