// Frames that a well-behaved client never sends, fed to the session without a socket.
#include <gtest/gtest.h>

#include <string>

#include "rpc/http2_fixture.h"

namespace cairn::rpc {
namespace {

using namespace std::chrono_literals;

TEST(Http2, AnswersACallHoweverItsBytesAreCut) {
  const std::string call = frame(headers, kEndHeaders, 1, request_headers("/test.Echo/Unary")) +
                           frame(data, 0, 1, message("hello").substr(0, 3)) +
                           frame(data, kEndStream, 1, message("hello").substr(3));
  for (std::size_t piece = 1; piece <= call.size(); ++piece) {
    SessionFixture f;
    for (std::size_t at = 0; at < call.size(); at += piece) f.feed(call.substr(at, piece));
    const Frames out = f.drained();
    EXPECT_EQ(out.of_type[data], message("hello")) << piece;
    EXPECT_EQ(out.count[headers], 2);
    EXPECT_EQ(out.count[reset], 0);
    EXPECT_EQ(f.session.open_calls(), 0u);
  }
}

TEST(Http2, AnEmptyFrameMayEndTheRequest) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, 0, 1, message("x")));
  EXPECT_EQ(f.handler.unary_calls, 0);
  f.feed(frame(data, kEndStream, 1, ""));
  EXPECT_EQ(f.handler.unary_calls, 1);
  EXPECT_EQ(f.drained().of_type[data], message("x"));
}

TEST(Http2, AnErrorWithoutAMessageIsHeadersOnly) {
  SessionFixture f;
  f.open(1, "/test.Echo/Fail");
  f.feed(frame(data, kEndStream, 1, message("no")));
  const Frames out = f.drained();
  EXPECT_EQ(out.count[headers], 1);
  EXPECT_EQ(out.count[data], 0);
}

TEST(Http2, AnAnswerBeforeTheEndOfTheRequestStopsTheClientWithoutError) {
  Limits limits;
  limits.message_bytes_max = 10;
  SessionFixture f(limits);
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, 0, 1, std::string_view("\0\0\0\0\x0b", 5)));
  const Frames out = f.drained();
  EXPECT_EQ(out.count[headers], 1);
  EXPECT_EQ(out.of_type[reset], std::string(4, '\0'));
  EXPECT_EQ(f.session.open_calls(), 0u);
  EXPECT_FALSE(f.session.finished());
}

TEST(Http2, RefusesWhatIsNotGrpc) {
  SessionFixture f;
  f.feed(frame(headers, kEndHeaders | kEndStream, 1, request_headers("/test.Echo/Unary", "GET")));
  f.feed(frame(headers, kEndHeaders, 3, request_headers("/test.Echo/Unary", "POST", "text/html")));
  f.feed(frame(data, kEndStream, 3, message("x")));
  EXPECT_EQ(f.drained().count[headers], 2);
  EXPECT_EQ(f.handler.unary_calls, 0);
}

TEST(Http2, AUnaryCallHasExactlyOneMessage) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 1, message("a") + message("b")));
  f.open(3, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 3, ""));
  f.open(5, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 5, message("abc").substr(0, 6)));
  EXPECT_EQ(f.handler.unary_calls, 0);
  EXPECT_EQ(f.drained().count[headers], 3);
}

TEST(Http2, ACompressedMessageIsUnimplemented) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 1, std::string_view("\1\0\0\0\1x", 6)));
  EXPECT_EQ(f.handler.unary_calls, 0);
  EXPECT_EQ(f.drained().count[headers], 1);
}

constexpr std::string_view kProtocolError("\0\0\0\1", 4);

// A header block of the usual headers with these instead.
std::string block(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  std::string bytes;
  for (const auto& [name, value] : fields) bytes += literal(name, value);
  return bytes;
}

TEST(Http2, AMalformedHeaderBlockResetsTheStreamOnly) {
  const std::string good = request_headers("/test.Echo/Unary");
  const std::string bad[] = {
      block({{":scheme", "http"}, {":path", "/a/b"}}),
      block({{":method", "POST"}, {":path", "/a/b"}}),
      block({{":method", "POST"}, {":scheme", "http"}}),
      block({{":method", "POST"}, {":scheme", "http"}, {":path", ""}}),
      literal(":method", "POST") + good,
      literal(":path", "/a/b") + good,
      literal(":authority", "b") + good,
      literal(":status", "200") + good,
      good + literal(":authority", "b"),
      literal("te", "trailers") + good,
      good + literal("connection", "close"),
      good + literal("keep-alive", "5"),
      good + literal("transfer-encoding", "chunked"),
      good + literal("upgrade", "h2c"),
      good + literal("te", "gzip"),
      good + literal("Upper", "x"),
      good + literal("with space", "x"),
      good + literal("", "x"),
      good + literal("value", std::string_view("a\0b", 3)),
      good + literal("value", "a\r\nb: c"),
      good + literal("value", " padded"),
      good + literal("content-length", "-1"),
      good + literal("content-length", "6") + literal("content-length", "6"),
  };
  for (const std::string& each : bad) {
    SessionFixture f;
    f.feed(frame(headers, kEndHeaders, 1, each));
    f.feed(frame(data, kEndStream, 1, message("x")));
    EXPECT_EQ(f.drained().of_type[reset], kProtocolError) << each;
    EXPECT_EQ(f.handler.unary_calls, 0) << each;
    EXPECT_EQ(f.session.open_calls(), 0u);
    f.open(3, "/test.Echo/Unary");
    f.feed(frame(data, kEndStream, 3, message("x")));
    EXPECT_EQ(f.drained().of_type[data], message("x")) << each;
  }
}

// etcdctl 3.4 sends its whole endpoint as :authority.
TEST(Http2, AUrlAsAuthorityIsTaken) {
  SessionFixture f;
  f.feed(frame(headers, kEndHeaders, 1,
               block({{":method", "POST"},
                      {":scheme", "http"},
                      {":path", "/test.Echo/Unary"},
                      {":authority", "http://127.0.0.1:2379"},
                      {"content-type", "application/grpc"}})));
  f.feed(frame(data, kEndStream, 1, message("x")));
  EXPECT_EQ(f.drained().of_type[data], message("x"));
}

TEST(Http2, TheBodyIsAsLongAsContentLengthSays) {
  const std::string good = request_headers("/test.Echo/Unary");
  const std::string six = good + literal("content-length", "6");
  SessionFixture f;
  f.feed(frame(headers, kEndHeaders, 1, six));
  f.feed(frame(data, kEndStream, 1, message("x")));
  EXPECT_EQ(f.drained().of_type[data], message("x"));
  std::uint32_t id = 3;
  for (const char* const length : {"0", "5", "7", "99999999999"}) {
    f.feed(frame(headers, kEndHeaders, id, good + literal("content-length", length)));
    f.feed(frame(data, kEndStream, id, message("x")));
    EXPECT_EQ(f.drained().of_type[reset], kProtocolError) << length;
    id += 2;
  }
  f.feed(frame(headers, kEndHeaders | kEndStream, id, six));
  EXPECT_EQ(f.drained().of_type[reset], kProtocolError);
  EXPECT_EQ(f.handler.unary_calls, 1);
}

TEST(Http2, TrailersEndTheRequestAndHoldNoPseudoHeader) {
  SessionFixture f;
  const auto call = [&f](std::uint32_t id, int flags, const std::string& trailers) {
    f.open(id, "/test.Echo/Unary");
    f.feed(frame(data, 0, id, message("x")));
    f.feed(frame(headers, kEndHeaders | flags, id, trailers));
    return f.drained();
  };
  EXPECT_EQ(call(1, kEndStream, literal("a", "b")).of_type[data], message("x"));
  EXPECT_EQ(call(3, 0, literal("a", "b")).of_type[reset], kProtocolError);
  EXPECT_EQ(call(5, kEndStream, literal(":path", "/a/b")).of_type[reset], kProtocolError);
  EXPECT_EQ(f.handler.unary_calls, 1);
}

TEST(Http2, BadFramesEndTheConnection) {
  for (const std::string& bad :
       {frame(headers, kEndHeaders, 2, request_headers("/a/b")),                 // an even stream
        frame(data, 0, 5, "x"),                                                  // of no stream
        frame(headers, kEndHeaders, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff"),  // not HPACK
        frame(settings, 0, 0, "abc"), std::string(100, '\xff')}) {
    SessionFixture f;
    f.feed(bad);
    EXPECT_EQ(f.drained().count[goaway], 1);
    EXPECT_TRUE(f.session.finished());
    EXPECT_EQ(f.handler.unary_calls, 0);
  }
}

TEST(Http2, StreamsBeyondTheLimitAreRefused) {
  Limits limits;
  limits.streams_per_connection_max = 3;
  SessionFixture f(limits);
  for (std::uint32_t id = 1; id <= 9; id += 2) f.open(id, "/test.Echo/Hold");
  EXPECT_LE(f.session.open_calls(), 3u);
}

TEST(Http2, AResetCallCountsUntilItsHandlerLetsGo) {
  Limits limits;
  limits.streams_per_connection_max = 2;
  SessionFixture f(limits);
  const auto held = [&](std::uint32_t id) {
    f.open(id, "/test.Echo/Keep");
    f.feed(frame(reset, 0, id, std::string_view("\0\0\0\x08", 4)));
  };
  held(1);
  held(3);
  EXPECT_EQ(f.session.open_calls(), 0u);
  f.open(5, "/test.Echo/Stream");
  EXPECT_EQ(f.drained().of_type[reset], std::string_view("\0\0\0\x07", 4));  // REFUSED_STREAM
  f.handler.held.clear();
  f.open(7, "/test.Echo/Stream");
  EXPECT_EQ(f.drained().count[reset], 0);
  EXPECT_EQ(f.session.open_calls(), 1u);
}

TEST(Http2, PingsOfABusyClientAreNoFlood) {
  SessionFixture f;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    f.feed(frame(ping, 0, 0, "12345678"));
    f.open(2 * i + 1, "/test.Echo/Unary");
    f.feed(frame(data, kEndStream, 2 * i + 1, message("x")));
    f.drained();
  }
  EXPECT_FALSE(f.session.finished());
  EXPECT_EQ(f.handler.unary_calls, 2000);
}

TEST(Http2, AContinuationFloodEndsTheConnection) {
  SessionFixture f;
  f.feed(frame(headers, 0, 1, request_headers("/a/b")));
  for (int i = 0; i < 20; ++i) f.feed(frame(continuation, 0, 1, literal("a", "b")));
  EXPECT_TRUE(f.session.finished());
}

TEST(Http2, AnIdleConnectionEnds) {
  SessionFixture f;
  f.now += f.limits.idle_timeout + 1s;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[goaway], 1);
  EXPECT_TRUE(f.session.finished());
}

TEST(Http2, AConnectionWithAnOpenStreamIsNotIdle) {
  SessionFixture f;
  f.open(1, "/test.Echo/Stream");
  f.now += 100 * f.limits.idle_timeout;
  f.session.check_time(f.now);
  EXPECT_FALSE(f.session.finished());
  EXPECT_EQ(f.handler.streams_open, 1);
}

TEST(Http2, ARequestThatDoesNotArriveIsGivenUp) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, 0, 1, message("hello").substr(0, 7)));
  f.drained();
  f.now += f.limits.header_timeout - 1s;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[headers], 0);
  f.now += 2s;
  f.session.check_time(f.now);
  EXPECT_EQ(f.drained().count[headers], 1);
  EXPECT_EQ(f.session.open_calls(), 0u);
}

TEST(Http2, DrainAnnouncesThenRefusesThenEnds) {
  SessionFixture f;
  f.open(1, "/test.Echo/Hold");
  f.feed(frame(data, kEndStream, 1, message("x")));
  f.drained();
  f.session.drain(f.now);
  const Frames notice = f.drained();
  EXPECT_EQ(notice.count[goaway], 1);
  EXPECT_EQ(notice.count[ping], 1);
  f.feed(frame(ping, 1, 0, notice.of_type[ping]));  // the client has seen it
  EXPECT_EQ(f.drained().count[goaway], 1);
  f.open(3, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 3, message("x")));
  EXPECT_EQ(f.handler.unary_calls, 1);
  EXPECT_FALSE(f.session.finished());
  f.handler.held[0]->finish(Code::ok, "");
  EXPECT_EQ(f.drained().count[headers], 1);
  EXPECT_TRUE(f.session.finished());
}

TEST(Http2, DrainDoesNotWaitForAClientThatNeverAnswers) {
  SessionFixture f;
  f.drained();
  f.session.drain(f.now);
  f.drained();
  f.now += 2s;
  f.session.check_time(f.now);
  f.drained();
  EXPECT_TRUE(f.session.finished());
}

TEST(Http2, EveryCallThatTheHandlerGotEndsOnce) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 1, message("hello")));
  f.drained();
  f.open(3, "/test.Echo/Fail");
  f.feed(frame(data, kEndStream, 3, message("no")));
  f.drained();
  f.open(5, "/test.Echo/Hold");
  f.feed(frame(data, kEndStream, 5, message("gone")));
  f.feed(frame(reset, 0, 5, std::string_view("\0\0\0\x08", 4)));
  f.open(7, "/test.Echo/Unary");  // reset before its message came: the handler never saw it
  f.feed(frame(reset, 0, 7, std::string_view("\0\0\0\x08", 4)));
  EXPECT_EQ(f.handler.ends,
            (std::vector<std::string>{"/test.Echo/Unary 0 in 5 out 5", "/test.Echo/Fail 9 in 2 out 0",
                                      "/test.Echo/Hold 1 in 4 out 0"}));
}

TEST(Http2, ACollectStopsSoonAfterItsLimit) {
  SessionFixture f;
  f.open(1, "/test.Echo/Unary");
  f.feed(frame(data, kEndStream, 1, message("x")));
  f.open(3, "/test.Echo/Keep");
  f.handler.held[0]->send("", std::string(60'000, 'x'));
  std::string out;
  f.session.collect(&out, 1000);
  EXPECT_GE(out.size(), 1000u);
  EXPECT_LE(out.size(), 1000u + 16384u + 9u);
}

TEST(Http2, RequestsThatArriveInPartAreBoundedTogether) {
  Limits limits;
  limits.arriving_request_bytes_max = 200000;
  SessionFixture f(limits);
  const std::string large = message(std::string(90000, 'x'));
  const auto begin = [&](std::uint32_t stream) {
    f.open(stream, "/test.Echo/Unary");
    for (std::size_t at = 0; at < 80000; at += 16000) f.feed(frame(data, 0, stream, large.substr(at, 16000)));
  };
  begin(1);
  EXPECT_GE(f.shares.requests.bytes(), 80000u);
  begin(3);
  ASSERT_EQ(f.handler.unary_calls, 0);
  f.drained();
  EXPECT_EQ(f.session.open_calls(), 1u) << "the second was refused";
  const std::string rest = large.substr(80000);
  f.feed(frame(data, kEndStream, 1, rest));
  EXPECT_EQ(f.handler.unary_calls, 1);
  EXPECT_EQ(f.shares.requests.bytes(), 0u) << "nothing arrives any more";
  f.drained();
  begin(5);
  f.feed(frame(reset, 0, 5, std::string("\0\0\0\10", 4)));
  EXPECT_EQ(f.shares.requests.bytes(), 0u) << "a cancelled one holds nothing";
}

}  // namespace
}  // namespace cairn::rpc
