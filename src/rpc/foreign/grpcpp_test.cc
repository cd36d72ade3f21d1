// grpc++, which shares no line with us, against our server: what our own client and server could both get
// wrong.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <thread>

#include "rpc/server.h"

namespace cairn::rpc {
namespace {

struct Handler final : rpc::Handler {
  struct Echo : GrpcStream {
    explicit Echo(std::shared_ptr<GrpcCall> with) : call(std::move(with)) {}
    void on_message(std::string_view message) override { call->send("", message); }
    void on_half_close() override { call->finish(Code::ok, ""); }
    std::shared_ptr<GrpcCall> call;
  };
  void on_unary(std::shared_ptr<GrpcCall> call, std::string_view request) override {
    if (call->method() == "/test.Echo/Unary") {
      call->send(call->metadata("prefix"), request);
      call->finish(Code::ok, "");
    } else if (call->method() == "/test.Echo/Hold") {
      held = std::move(call);
    } else {
      call->finish(Code::unimplemented, "unknown method \"caf\xc3\xa9\" 100%");
    }
  }
  std::unique_ptr<GrpcStream> open_stream(const std::shared_ptr<GrpcCall>& call) override {
    return call->method() == "/test.Echo/Stream" ? std::make_unique<Echo>(call) : nullptr;
  }
  void on_http(std::shared_ptr<HttpCall>) override {}
  std::shared_ptr<GrpcCall> held;
};

class Foreign : public testing::Test {
 protected:
  Foreign()
      : server_(io_, {}, handler_),
        port_(server_.listen("127.0.0.1", 0).value_or(0)),
        thread_([this] { io_.run(); }) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials(), arguments));
  }
  ~Foreign() override {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) continue;
    stub_.reset();
    io_.stop();
    thread_.join();
  }

  static grpc::ByteBuffer buffer(const std::string& text) {
    const grpc::Slice slice(text);
    return {&slice, 1};
  }
  static std::string text(const grpc::ByteBuffer& bytes) {
    grpc::Slice slice;
    EXPECT_TRUE(bytes.DumpToSingleSlice(&slice).ok());
    return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
  }
  bool wait() {  // for the one operation in flight
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }
  grpc::Status unary(grpc::ClientContext& context, const std::string& method, const std::string& request,
                     std::string* answer) {
    const auto reader = stub_->PrepareUnaryCall(&context, method, buffer(request), &queue_);
    grpc::ByteBuffer bytes;
    grpc::Status status;
    reader->StartCall();
    reader->Finish(&bytes, &status, this);
    wait();
    if (status.ok()) *answer = text(bytes);
    return status;
  }

  boost::asio::io_context io_{1};
  Handler handler_;
  Server server_;
  std::uint16_t port_;
  std::thread thread_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::CompletionQueue queue_;
};

TEST_F(Foreign, UnaryCallsOfAllSizes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{70'000}, std::size_t{3} << 19}) {
    grpc::ClientContext context;
    context.AddMetadata("prefix", "<");
    std::string answer;
    const grpc::Status status = unary(context, "/test.Echo/Unary", std::string(size, 'x'), &answer);
    ASSERT_TRUE(status.ok()) << size << ": " << status.error_message();
    EXPECT_TRUE(answer == "<" + std::string(size, 'x'));
  }
}

TEST_F(Foreign, AnErrorArrivesWithCodeAndText) {
  grpc::ClientContext context;
  std::string answer;
  const grpc::Status status = unary(context, "/test.Echo/None", "x", &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "unknown method \"caf\xc3\xa9\" 100%");
}

TEST_F(Foreign, AMessageOverTheLimitIsRefused) {
  grpc::ClientContext context;
  std::string answer;
  const grpc::Status status =
      unary(context, "/test.Echo/Unary", std::string(Limits{}.message_bytes_max + 1, 'x'), &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_NE(status.error_message().find("received message larger than max"), std::string::npos);
}

TEST_F(Foreign, ADeadlineEndsACall) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  std::string answer;
  EXPECT_EQ(unary(context, "/test.Echo/Hold", "x", &answer).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(Foreign, ACompressedMessageIsUnimplemented) {
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  std::string answer;
  const grpc::Status status = unary(context, "/test.Echo/Unary", std::string(5000, 'x'), &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST_F(Foreign, AStreamEchoesUntilTheClientEnds) {
  grpc::ClientContext context;
  const auto call = stub_->PrepareCall(&context, "/test.Echo/Stream", &queue_);
  call->StartCall(this);
  ASSERT_TRUE(wait());
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string sent(i * 10'007, static_cast<char>('a' + i));
    call->Write(buffer(sent), this);
    ASSERT_TRUE(wait());
    grpc::ByteBuffer received;
    call->Read(&received, this);
    ASSERT_TRUE(wait());
    EXPECT_TRUE(text(received) == sent);
  }
  call->WritesDone(this);
  ASSERT_TRUE(wait());
  grpc::Status status;
  call->Finish(&status, this);
  ASSERT_TRUE(wait());
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace cairn::rpc
