// The pieces that every gRPC method shares: the response header, refusals, deadlines, parsing.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "api/api.h"
#include "etcd/reasons.h"
#include "node/member.h"
#include "node/requests.h"

namespace cairn::api {

// The response header as field 1 of a response message, ready to stand in front of the message's other
// fields.
class EncodedHeader {
 public:
  EncodedHeader(const node::MemberBrief& member, std::int64_t revision);
  std::string_view bytes() const { return {bytes_, size_}; }

 private:
  char bytes_[2 + 4 * 11];  // field tag and length, then four varint fields
  std::size_t size_ = 0;
};

// False, with the call finished, when the bytes are not such a message.
bool parse_or_finish(rpc::GrpcCall& call, std::string_view request, google::protobuf::MessageLite* into);

// The client's deadline or the server's own, whichever comes first.
Time deadline_of(const rpc::GrpcCall& call, const Config& config, const node::Member& member);

// Sends header and body and ends the call, or ends it with the refusal.
void answer(rpc::GrpcCall& call, const node::Member& member, const mvcc::Outcome& outcome);

void answer(rpc::GrpcCall& call, const node::Member& member, mvcc::RangeAnswer range);

// A call that is answered by whoever takes it out. Dropped while stopping: the client is told, since the
// outcome of its write is unknown, which is what this text says to etcd's clients.
class CallToAnswer {
 public:
  explicit CallToAnswer(std::shared_ptr<rpc::GrpcCall> call) : call_(std::move(call)) {}
  ~CallToAnswer() {
    if (call_) call_->refuse(etcd::error_of(Reason::server_stopped));
  }
  CallToAnswer(const CallToAnswer&) = delete;
  CallToAnswer& operator=(const CallToAnswer&) = delete;
  std::shared_ptr<rpc::GrpcCall> take() { return std::exchange(call_, nullptr); }

 private:
  std::shared_ptr<rpc::GrpcCall> call_;
};

// Answers with what `outcome` makes of the member's status and state.
void ask(std::shared_ptr<rpc::GrpcCall> call, node::Member& member,
         mvcc::Outcome (*outcome)(const node::MemberStatus&, const mvcc::View&));

// Asks the member for a read and answers with `query(view)`: an Outcome or RangeAnswer, whose body the
// header goes in front of.
template <class Query>
class QueryResponder final : public node::ReadResponder {
 public:
  QueryResponder(std::shared_ptr<rpc::GrpcCall> call, const node::Member& member, Query query)
      : call_(std::move(call)), member_(member), query_(std::move(query)) {}
  void ready(const mvcc::View& view) override {
    if (const auto call = call_.take(); !call->cancelled()) answer(*call, member_, query_(view));
  }
  void failed(Error error) override { call_.take()->refuse(error); }

 private:
  CallToAnswer call_;
  const node::Member& member_;
  Query query_;
};

template <class Query>
std::unique_ptr<node::ReadResponder> respond_with(std::shared_ptr<rpc::GrpcCall> call,
                                                  const node::Member& member, Query query) {
  return std::make_unique<QueryResponder<Query>>(std::move(call), member, std::move(query));
}

}  // namespace cairn::api
