// Harness: a StateMachine with requests written in one line, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "etcd/validate.h"
#include "mvcc/state_machine.h"
#include "proto/command.pb.h"

namespace cairn::mvcc {

namespace pb = etcdserverpb;

struct StringSink final : ByteSink {
  Status write(std::string_view bytes) override {
    text.append(bytes);
    return {};
  }
  std::string text;
};

// Hands out at most `piece` bytes at a time.
struct StringSource final : ByteSource {
  explicit StringSource(std::string bytes, std::size_t piece_size = 1 << 20)
      : text(std::move(bytes)), piece(piece_size) {}
  Result<std::size_t> read(std::span<char> into) override {
    const std::size_t size = std::min({into.size(), piece, text.size() - at});
    std::memcpy(into.data(), text.data() + at, size);
    at += size;
    return size;
  }
  std::string text;
  std::size_t piece;
  std::size_t at = 0;
};

struct LastOutcome final : ApplySink {
  bool wants(std::uint64_t) const override { return true; }
  void done(std::uint64_t, Outcome given) override { outcomes.push_back(std::move(given)); }
  std::vector<Outcome> outcomes;
};

inline std::string saved(const View& view) {
  StringSink sink;
  EXPECT_TRUE(view.save(&sink).has_value());
  return std::move(sink.text);
}

template <class Message>
Message parse(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, Code::ok) << outcome.error;
  Message message;
  EXPECT_TRUE(message.ParseFromString(outcome.body));
  return message;
}

inline pb::PutRequest put_request(std::string_view key, std::string_view value) {
  pb::PutRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  return request;
}

inline pb::RangeRequest range_request(std::string_view key, std::string_view end = {}) {
  pb::RangeRequest request;
  request.set_key(std::string(key));
  request.set_range_end(std::string(end));
  return request;
}

inline pb::DeleteRangeRequest delete_request(std::string_view key, std::string_view end = {}) {
  pb::DeleteRangeRequest request;
  request.set_key(std::string(key));
  request.set_range_end(std::string(end));
  return request;
}

// As a leader writes it: protobuf puts fields in the order of their numbers, and the time comes first.
inline std::string in_entry(const command::Batch& batch) {
  command::Batch head, rest = batch;
  if (batch.has_leader_elapsed_ms()) head.set_leader_elapsed_ms(batch.leader_elapsed_ms());
  rest.clear_leader_elapsed_ms();
  return head.SerializeAsString() + rest.SerializeAsString();
}

class Harness {
 public:
  explicit Harness(Limits limits = {})
      : machine(std::make_unique<StateMachine>(std::vector<MemberInfo>(), limits)) {}
  explicit Harness(std::unique_ptr<StateMachine> loaded) : machine(std::move(loaded)) {}

  Outcome apply(command::Command command) {
    command.set_request_id(1);
    command::Batch batch;
    if (leaders_tell_time) batch.set_leader_elapsed_ms(elapsed_ms);
    elapsed_ms = 0;
    *batch.add_commands() = std::move(command);
    LastOutcome sink;
    machine->apply({machine->applied_index() + 1, term}, in_entry(batch), &sink);
    EXPECT_EQ(sink.outcomes.size(), 1u);
    return sink.outcomes.back();
  }
  Outcome apply(pb::PutRequest request) {
    command::Command command;
    *command.mutable_put() = std::move(request);
    return apply(std::move(command));
  }
  Outcome apply(pb::DeleteRangeRequest request) {
    command::Command command;
    *command.mutable_delete_range() = std::move(request);
    return apply(std::move(command));
  }
  Outcome apply(pb::TxnRequest request) {
    command::Command command;
    *command.mutable_txn() = std::move(request);
    return apply(std::move(command));
  }
  Outcome put(std::string_view key, std::string_view value) { return apply(put_request(key, value)); }
  Outcome erase(std::string_view key, std::string_view end = {}) { return apply(delete_request(key, end)); }
  Outcome compact(std::int64_t revision) {
    command::Command command;
    command.mutable_compaction()->set_revision(revision);
    return apply(std::move(command));
  }
  void idle() { machine->apply({machine->applied_index() + 1, term}, {}, nullptr); }
  std::shared_ptr<const View> view() const { return machine->view(); }
  Outcome range(const pb::RangeRequest& request) const {
    const auto checked = etcd::check(request);
    return checked ? view()->range(*checked) : refuse(checked.error(), view()->revision());
  }
  RangeAnswer open_range(const pb::RangeRequest& request) const {
    return view()->open_range(*etcd::check(request));
  }
  pb::RangeResponse get(std::string_view key, std::string_view end = {}, std::int64_t revision = 0) const {
    pb::RangeRequest request = range_request(key, end);
    request.set_revision(revision);
    return parse<pb::RangeResponse>(range(request));
  }
  std::string keys(const pb::RangeRequest& request) const {
    std::string text;
    const auto response = parse<pb::RangeResponse>(range(request));
    for (const auto& kv : response.kvs()) text += (text.empty() ? "" : " ") + kv.key();
    return text;
  }

  std::unique_ptr<StateMachine> machine;
  std::uint64_t term = 1;         // of the next entry
  std::uint64_t elapsed_ms = 0;   // what it says
  bool leaders_tell_time = true;  // false: entries as older versions wrote them
};

inline std::unique_ptr<StateMachine> loaded(const std::string& bytes, std::size_t piece = 1 << 20,
                                            const Limits& limits = {}) {
  StringSource source(bytes, piece);
  auto machine = StateMachine::load(&source, limits);
  EXPECT_TRUE(machine.has_value()) << machine.error().message;
  return std::move(*machine);
}

}  // namespace cairn::mvcc
