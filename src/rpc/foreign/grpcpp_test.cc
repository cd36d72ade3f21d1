// grpc++, which shares no line with us, against our server: what our own client and server could both get
// wrong.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
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
  // Echoes each message a thousand times, as there is room, and takes no further one meanwhile.
  struct Multiply final : Echo {
    Multiply(Handler& of, std::shared_ptr<GrpcCall> with) : Echo(std::move(with)), handler(of) {}
    void on_message(std::string_view message) override {
      text = message;
      left = kTimes;
      on_room();
    }
    void on_room() override {
      for (; left > 0 && call->has_room(); --left) {
        call->send("", text);
        handler.unsent_most = std::max(handler.unsent_most.load(), call->unsent_bytes());
      }
      left > 0 ? call->pause() : call->resume();
    }
    Handler& handler;
    std::string text;
    int left = 0;
  };
  static constexpr int kTimes = 1000;

  const Method* find_method(std::string_view path) const override {
    static constexpr Method kMethods[] = {{"/test.Echo/Unary"},
                                          {"/test.Echo/Hold"},
                                          {"/test.Echo/Fail"},
                                          {"/test.Echo/Stream", MethodKind::stream},
                                          {"/test.Echo/Multiply", MethodKind::stream}};
    for (const Method& method : kMethods)
      if (method.path == path) return &method;
    return nullptr;
  }
  bool knows_service(std::string_view service) const override { return service == "test.Echo"; }
  void on_unary(const Method& method, std::shared_ptr<GrpcCall> call, std::string_view request) override {
    if (method.path == "/test.Echo/Unary") {
      call->send(call->metadata("prefix"), request);
      call->finish(Code::ok, "");
    } else if (method.path == "/test.Echo/Hold") {
      held = std::move(call);
    } else {
      call->finish(Code::failed_precondition, "not \"caf\xc3\xa9\" 100%");
    }
  }
  std::unique_ptr<GrpcStream> open_stream(const Method& method,
                                          const std::shared_ptr<GrpcCall>& call) override {
    if (method.path == "/test.Echo/Multiply") return std::make_unique<Multiply>(*this, call);
    return std::make_unique<Echo>(call);
  }
  void on_http(std::shared_ptr<HttpCall>) override {}
  std::shared_ptr<GrpcCall> held;
  std::atomic<std::size_t> unsent_most = 0;
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
  const grpc::Status status = unary(context, "/test.Echo/Fail", "x", &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "not \"caf\xc3\xa9\" 100%");
}

TEST_F(Foreign, AnUnknownMethodIsRefused) {
  grpc::ClientContext context, other;
  std::string answer;
  const grpc::Status status = unary(context, "/test.Echo/None", std::string(3 << 19, 'x'), &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(), "unknown method None for service test.Echo");
  EXPECT_EQ(unary(other, "/test.Other/None", "x", &answer).error_message(), "unknown service test.Other");
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

// A client that sends without pause and reads only afterwards: neither side's memory grows, nothing is lost.
TEST_F(Foreign, ASlowReaderThrottlesTheStreamAndLosesNothing) {
  constexpr int kMessages = 3;
  const std::string sent(2000, 'm');
  grpc::ClientContext context;
  const auto call = stub_->PrepareCall(&context, "/test.Echo/Multiply", &queue_);
  call->StartCall(this);
  ASSERT_TRUE(wait());
  for (int i = 0; i < kMessages; ++i) {
    call->Write(buffer(sent), this);
    ASSERT_TRUE(wait());
  }
  call->WritesDone(this);
  ASSERT_TRUE(wait());
  for (int i = 0; i < kMessages * Handler::kTimes; ++i) {
    grpc::ByteBuffer received;
    call->Read(&received, this);
    ASSERT_TRUE(wait()) << i;
    ASSERT_EQ(text(received), sent) << i;
  }
  grpc::ByteBuffer none;
  call->Read(&none, this);
  EXPECT_FALSE(wait());
  grpc::Status status;
  call->Finish(&status, this);
  ASSERT_TRUE(wait());
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_LE(handler_.unsent_most, Limits{}.stream_unsent_bytes_max + sent.size() + 5);
  EXPECT_GE(handler_.unsent_most, Limits{}.stream_unsent_bytes_max) << "the limit was never reached";
}

}  // namespace
}  // namespace cairn::rpc
