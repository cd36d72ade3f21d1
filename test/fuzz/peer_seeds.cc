// Writes the seeds of the peer protocol's fuzz targets with the real encoders: peer_seeds DIRECTORY
// (test/fuzz/corpora). To be run again whenever the protocol changes.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "node/command_codec.h"
#include "peer/codec.h"
#include "peer/frame.h"
#include "raft/members.h"

namespace {

using namespace cairn;
using peer::FrameType;
using raft::Incarnation;
using raft::Index;
using raft::NodeId;
using raft::Term;

std::filesystem::path root;

void write(const char* target, const std::string& name, const std::string& content) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary) << content;
}

std::string encoded(const raft::Message& message) {
  std::string bytes;
  peer::encode_message(message, &bytes);
  return bytes;
}

raft::Members members() {
  raft::Members three;
  three.voters = {NodeId(1), NodeId(2), NodeId(3)};
  std::vector<raft::Recorded> ballot;
  for (const NodeId id : three.voters) ballot.push_back({id, Incarnation(id.v), true});
  raft::found(&three, ballot);
  raft::describe(&three, {NodeId(3), "about"});
  return three;
}

raft::Message message(std::uint64_t term, raft::Body body, std::uint64_t from = 2) {
  return {NodeId(from),
          NodeId(1),
          Term(term),
          std::move(body),
          {Incarnation(from), 1, true, 0, members().founded},
          Incarnation(1)};
}

raft::AppendRequest append(std::uint64_t prev, std::uint64_t prev_term, std::uint64_t term, int count) {
  raft::AppendRequest body;
  body.prev_index = Index(prev);
  body.prev_term = Term(prev_term);
  body.commit = Index(prev + 1);
  body.read_round = 1;
  body.acknowledged = Index(prev);
  for (int i = 1; i <= count; ++i)
    body.entries.push_back({Term(term), Index(prev + static_cast<std::uint64_t>(i)), raft::EntryType::command,
                            make_bytes("entry")});
  return body;
}

raft::VoteRequest vote(bool pre) {
  raft::VoteRequest body;
  body.pre = pre;
  body.last_index = Index(9);
  body.last_term = Term(2);
  return body;
}

raft::SnapshotOffer offer() {
  raft::SnapshotOffer body;
  body.meta = {Index(20), Term(3), members(), 0};
  return body;
}

raft::AppendReply reply(bool ok, std::uint64_t match) {
  raft::AppendReply body;
  body.ok = ok;
  body.match = Index(match);
  body.hint = Index(ok ? 0 : 1);
  body.hint_term = Term(ok ? 0 : 1);
  body.read_round = 1;
  return body;
}

// ---- peer_frame_fuzz: one payload each; its first byte says of which type ----

void payload(const std::string& name, FrameType type, const std::string& bytes) {
  write("peer_frame_fuzz", name, static_cast<char>(static_cast<int>(type) + 9) + bytes);
}

void frames() {
  raft::VoteRequest forming = vote(false);
  forming.form = true;
  forming.ballot = {{NodeId(1), Incarnation(5), true}, {NodeId(2), Incarnation(6), true}};
  raft::AppendRequest with_members = append(1, 1, 2, 1);
  with_members.entries.push_back({Term(2), Index(3), raft::EntryType::members, raft::encode(members())});
  const std::vector<std::pair<std::string, raft::Body>> bodies = {
      {"vote", vote(false)},
      {"forming", forming},
      {"vote_reply", raft::VoteReply{false, true}},
      {"append", with_members},
      {"append_reply", reply(false, 4)},
      {"offer", offer()},
      {"snapshot_reply", raft::SnapshotReply{Index(4), true}},
      {"timeout_now", raft::TimeoutNow{}},
      {"read_index", raft::ReadIndexRequest{7}},
      {"read_index_reply", raft::ReadIndexReply{7, true, Index(4)}},
      {"start_seen", raft::StartSeen{Incarnation(1), 9, {{NodeId(2), Incarnation(3), 4}}}},
      {"started", raft::Started{(1ULL << 40U) + 8}}};
  for (const auto& [name, body] : bodies) payload(name, FrameType::message, encoded(message(4, body)));
  std::string hello, begin, answer;
  peer::put_hello(&hello, {.cluster_id = 77, .from = NodeId(2), .to = NodeId(1)});
  payload("hello", FrameType::hello, hello.substr(peer::kFrameHeaderBytes));
  std::string founded;
  peer::put_hello(&founded,
                  {.cluster_id = 77, .from = NodeId(2), .to = NodeId(1), .founded = members().founded});
  payload("hello_founded", FrameType::hello, founded.substr(peer::kFrameHeaderBytes));
  std::string introduced;
  peer::put_hello(&introduced, {.cluster_id = 77,
                                .from = NodeId(4),
                                .to = NodeId(1),
                                .introduction = peer::Introduction{{Term(4), Index(9)}, "host", 2380}});
  payload("hello_introduced", FrameType::hello, introduced.substr(peer::kFrameHeaderBytes));
  peer::put_snapshot_begin(&begin, {.manifest = "manifest", .chunks = 2, .offer = message(4, offer())});
  payload("begin", FrameType::snapshot_begin, begin.substr(peer::kFrameHeaderBytes));
  node::Question question;
  question.id = 3;
  question.term = Term(4);
  question.kind = 1;
  question.body = "question";
  payload("note_question", FrameType::note, *node::question_note(question));
  node::Answer given;
  given.id = 3;
  given.term = Term(4);
  given.body = "answer";
  payload("note_answer", FrameType::note, *node::answer_note(given));
  payload("note_writes", FrameType::note, *node::forward_note(Term(3), "batch"));
  const std::string no = "no";
  peer::put_hello_answer(&answer, &no, {});
  payload("answer", FrameType::hello_answer, answer.substr(peer::kFrameHeaderBytes));
  std::string stream(1, '\0');
  stream += hello;
  peer::put_frame(&stream, FrameType::message, encoded(message(4, vote(true))));
  peer::put_frame(&stream, FrameType::heartbeat, {});
  write("peer_frame_fuzz", "stream", stream);
}

// ---- peer_session_fuzz: see there for the actions ----

class Script {
 public:
  Script& act(int code, int connection, const std::string& bytes = {}) {
    text_.push_back(static_cast<char>(code | connection << 4));
    text_.push_back(static_cast<char>(bytes.size() & 0xff));
    text_.push_back(static_cast<char>(bytes.size() >> 8));
    text_ += bytes;
    return *this;
  }
  Script& hello(int connection) { return act(0, connection); }
  Script& say(int connection, const raft::Message& said) { return act(3, connection, named(said)); }
  Script& snapshot(const raft::Message& said) { return act(7, 2, named(said)); }
  Script& wait(int tens_of_ms) { return act(8, 0, std::string(1, static_cast<char>(tens_of_ms))); }
  Script& durable() { return act(9, 0); }
  Script& inside(int code, int argument = 0) {
    return act(code, 0, std::string(1, static_cast<char>(argument)));
  }
  void keep(const std::string& name) const { write("peer_session_fuzz", name, text_); }

 private:
  static std::string named(const raft::Message& said) {  // without the two names
    const std::string bytes = encoded(said);
    return bytes.substr(0, 1) + bytes.substr(17);
  }
  std::string text_;
};

Script greeted() {
  Script script;
  script.hello(0).hello(1);
  return script;
}

// Elected in term 3 by member 3.
Script leading() {
  Script script = greeted();
  script.wait(250).say(1, message(3, raft::VoteReply{true, true}, 3)).durable();
  script.say(1, message(3, raft::VoteReply{false, true}, 3)).durable();
  return script;
}

void sessions() {
  greeted()
      .say(0, message(3, append(2, 2, 3, 2)))
      .durable()
      .say(0, message(3, append(4, 3, 3, 1)))
      .durable()
      .inside(12)
      .inside(13)
      .inside(11, 1)
      .durable()
      .keep("follows");
  leading()
      .inside(10, 20)
      .durable()
      .say(1, message(3, reply(true, 3), 3))
      .say(0, message(3, reply(false, 2)))
      .inside(11, 1)
      .durable()
      .say(1, message(3, reply(true, 4), 3))
      .inside(12)
      .inside(13)
      .durable()
      .keep("leads");
  Script again = leading();
  again.inside(15, 2).durable().say(1, message(3, reply(true, 4), 3)).inside(14, 3).durable();
  again.say(0, message(4, vote(false))).durable().keep("hands-over");
  Script streams = greeted();
  streams.hello(2).snapshot(message(4, offer()));
  for (char chunk = 0; chunk < 4; ++chunk) streams.act(5, 2, std::string(7, chunk));  // of type 8: a chunk
  streams.durable().say(0, message(4, append(20, 3, 4, 2))).durable().keep("snapshot");
  raft::Message earlier = message(9, append(1, 1, 9, 3));
  earlier.life.founded ^= 2;
  greeted().say(0, earlier).say(1, message(3, append(2, 2, 3, 2), 3)).durable().keep("another-founding");
  Script notes = leading();
  notes.act(4, 0, *node::forward_note(Term(3), "batch")).durable().keep("note");
  Script lies = greeted();
  lies.say(0, message(~std::uint64_t{0}, vote(false)))
      .hello(0)
      .say(0, message(3, append(~std::uint64_t{0} - 1, 2, 3, 3)));
  lies.hello(0).say(0, message(5, append(1, 1, 5, 3))).say(1, message(5, append(1, 1, 5, 4), 3)).durable();
  lies.say(0, message(9, raft::TimeoutNow{})).wait(1).say(1, message(9, reply(true, 100), 3)).durable();
  lies.say(0, message(11, raft::StartSeen{Incarnation(1), 99}))
      .hello(3)
      .act(6, 1, "GET / HTTP/1.1")
      .keep("lies");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return std::fputs("usage: peer_seeds DIRECTORY\n", stderr), 2;
  root = arguments[1];
  frames();
  sessions();
  return 0;
}
