// Says to a member's peer port what it likes, in the name of whom it likes; hostile_peer_test.py runs it.
//
//   hostile_peer --port P --cluster HEX --from HEX --to HEX [--kind snapshot] [--introduced TERM:INDEX]
//   SAYING...
//
// First the hello, then each saying in turn; see said(). Prints the answer to the hello ("accepted", "refused
// REASON" or "silence") and at the end "closed" or "open", depending on what the member did with the
// connection.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/codec.h"
#include "node/command_codec.h"
#include "peer/codec.h"
#include "peer/frame.h"

namespace {

using namespace cairn;
using boost::asio::ip::tcp;
using peer::FrameType;

constexpr std::uint64_t kHuge = ~std::uint64_t{0};
constexpr std::chrono::milliseconds kPatience{1000};

struct Line {
  std::uint16_t port = 0;
  peer::Hello hello;
  std::vector<std::string> sayings;
};

[[noreturn]] void usage() {
  std::fputs(
      "usage: hostile_peer --port P --cluster HEX --from HEX --to HEX [--kind snapshot] [--introduced "
      "TERM:INDEX] SAYING...\n",
      stderr);
  std::exit(2);
}

Line parse(int count, char** arguments) {
  Line line;
  std::map<std::string, std::string> flags;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument.rfind("--", 0) != 0) {
      line.sayings.push_back(argument);
    } else if (++i < count) {
      flags[argument] = arguments[i];
    }
  }
  const auto number = [&](const char* flag, int base) {
    return std::strtoull(flags[flag].c_str(), nullptr, base);
  };
  line.port = static_cast<std::uint16_t>(number("--port", 10));
  line.hello.cluster_id = number("--cluster", 16);
  line.hello.from = raft::NodeId(number("--from", 16));
  line.hello.to = raft::NodeId(number("--to", 16));
  if (const std::string by = flags["--introduced"]; !by.empty()) {
    const std::size_t colon = by.find(':');
    line.hello.introduction =
        peer::Introduction{{raft::Term(std::strtoull(by.c_str(), nullptr, 10)),
                            raft::Index(std::strtoull(by.c_str() + colon + 1, nullptr, 10))},
                           "127.0.0.1",
                           1};
  }
  if (flags["--kind"] == "snapshot") line.hello.kind = peer::ConnectionKind::snapshot;
  if (line.port == 0) usage();
  return line;
}

raft::Message message(const peer::Hello& hello, std::uint64_t term, raft::Body body) {
  return {hello.from, hello.to, raft::Term(term), std::move(body), {raft::Incarnation(1), 1, true}};
}

std::string framed(const raft::Message& said) {
  std::string bytes;
  const std::size_t at = peer::begin_frame(&bytes, FrameType::message);
  peer::encode_message(said, &bytes);
  peer::end_frame(&bytes, at);
  return bytes;
}

raft::AppendRequest append(std::uint64_t prev, std::uint64_t prev_term, std::uint64_t term) {
  raft::AppendRequest body;
  body.prev_index = raft::Index(prev);
  body.prev_term = raft::Term(prev_term);
  body.entries.push_back(
      {raft::Term(term), raft::Index(prev + 1), raft::EntryType::command, make_bytes("lie")});
  return body;
}

// NAME:TERM as bytes on the wire.
std::string said(const peer::Hello& hello, const std::string& saying) {
  const std::size_t colon = saying.find(':');
  const std::string name = saying.substr(0, colon);
  const std::uint64_t term =
      colon == std::string::npos ? 0 : std::strtoull(saying.c_str() + colon + 1, nullptr, 10);
  const auto say = [&](raft::Body body) { return framed(message(hello, term, std::move(body))); };
  std::string bytes;
  if (name == "vote") return say(raft::VoteRequest{.last_index = {}, .last_term = {}});
  if (name == "transfer-vote") {
    raft::VoteRequest body;
    body.transfer = true;
    return say(body);
  }
  if (name == "reply") return say(raft::AppendReply{});
  if (name == "lead") {  // and the log begins otherwise
    raft::AppendRequest body;
    body.entries.push_back({raft::Term(term), raft::Index(1), raft::EntryType::noop, nullptr});
    return say(body);
  }
  if (name == "heartbeat") return say(raft::AppendRequest{});
  if (name == "append") return say(append(1, 1, term));
  if (name == "append-later-entry") return say(append(1, 1, term + 1));
  if (name == "append-wrapping") return say(append(kHuge - 1, 1, term));
  if (name == "entries-left-out") {
    raft::AppendRequest body = append(1, 1, term);
    body.entries[0].index = raft::Index(1000);
    return say(body);
  }
  if (name == "ack-all") {
    raft::AppendReply body;
    body.ok = true;
    body.match = raft::Index(kHuge);
    return say(body);
  }
  if (name == "no-voters") {
    raft::SnapshotOffer body;
    body.meta.index = raft::Index(1000);
    body.meta.term = raft::Term(term);
    peer::put_snapshot_begin(&bytes,
                             {.manifest = "manifest", .chunks = 1, .offer = message(hello, term, body)});
  } else if (name == "offer") {
    raft::SnapshotOffer body;
    body.meta.index = raft::Index(1000);
    body.meta.term = raft::Term(term);
    body.meta.members.voters = {hello.from};
    return say(body);
  } else if (name == "note") {
    peer::put_frame(&bytes, FrameType::note,
                    *node::forward_note(raft::Term(term), "a write that nobody asked for"));
  } else if (name == "garbled-note") {
    peer::put_frame(&bytes, FrameType::note, std::string(1000, '\xff'));
  } else if (name == "another-name") {
    raft::Message lie = message(hello, term, raft::VoteRequest{});
    lie.from = raft::NodeId(hello.from.v + 1);
    return framed(lie);
  } else if (name == "huge-length") {
    bytes = framed(message(hello, 1, raft::TimeoutNow{}));
    codec::store(bytes.data(), std::uint32_t{0xfffffff0});
  } else if (name == "wrong-checksum") {
    bytes = framed(message(hello, term, raft::VoteReply{}));
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
  } else if (name == "hello") {
    peer::put_hello(&bytes, hello);
  } else if (name == "http") {
    bytes = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
  } else {
    usage();
  }
  return bytes;
}

// Reads until the member closes or stays silent; whether it closed.
bool listen(boost::asio::io_context& io, tcp::socket& socket, std::string* heard, bool until_frame) {
  bool closed = false;
  const auto enough = [&] { return closed || (until_frame && heard->size() >= peer::kFrameHeaderBytes + 1); };
  char piece[4096];
  while (!enough()) {
    bool arrived = false;
    socket.async_read_some(
        boost::asio::buffer(piece), [&](boost::system::error_code error, std::size_t size) {
          arrived = true;
          closed = static_cast<bool>(error) && error != boost::asio::error::operation_aborted;
          heard->append(piece, size);
        });
    io.restart();
    io.run_for(kPatience);
    if (arrived) continue;
    socket.cancel();
    io.restart();
    io.run();
    return closed;
  }
  return closed;
}

std::string answer_in(const std::string& heard) {
  peer::FrameReader reader;
  const auto room = reader.prepare();
  const std::size_t size = std::min(room.size(), heard.size());
  heard.copy(room.data(), size);
  reader.commit(size);
  const auto frame = reader.next();
  if (!frame || !*frame) return "silence";
  const Status verdict = peer::decode_hello_answer((*frame)->payload, {});
  return verdict ? "accepted" : "refused " + verdict.error().message;
}

}  // namespace

int main(int count, char** arguments) {
  const Line line = parse(count, arguments);
  boost::asio::io_context io;
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), line.port), error);
  if (error) return std::fprintf(stderr, "%s\n", error.message().c_str()), 1;
  std::string bytes, heard;
  peer::put_hello(&bytes, line.hello);
  boost::asio::write(socket, boost::asio::buffer(bytes), error);
  bool closed = listen(io, socket, &heard, true);
  std::printf("%s\n", answer_in(heard).c_str());
  for (const std::string& saying : line.sayings) {
    if (!closed) boost::asio::write(socket, boost::asio::buffer(said(line.hello, saying)), error);
    closed = closed || static_cast<bool>(error);
  }
  closed = listen(io, socket, &heard, false) || closed;
  std::printf("%s\n", closed ? "closed" : "open");
  return 0;
}
