#include "api/grpc_reply.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>

#include "etcd/reasons.h"
#include "node/status.h"

namespace cairn::api {
namespace {

using google::protobuf::io::CodedOutputStream;

std::uint8_t* put_field(std::uint8_t* at, std::uint32_t number, std::uint64_t value) {
  if (value == 0) return at;  // proto3 leaves zero fields out
  at = CodedOutputStream::WriteTagToArray(number << 3, at);
  return CodedOutputStream::WriteVarint64ToArray(value, at);
}

}  // namespace

EncodedHeader::EncodedHeader(const node::MemberBrief& member, std::int64_t revision) {
  constexpr std::uint8_t kHeaderTag = (1 << 3) | 2;  // field 1, length-delimited
  auto* const start = reinterpret_cast<std::uint8_t*>(bytes_);
  std::uint8_t* at = start + 2;  // the content is at most 44 bytes, so its length is one byte
  at = put_field(at, 1, member.cluster_id);
  at = put_field(at, 2, member.id.v);
  at = put_field(at, 3, static_cast<std::uint64_t>(revision));
  at = put_field(at, 4, member.term.v);
  start[0] = kHeaderTag;
  start[1] = static_cast<std::uint8_t>(at - start - 2);
  size_ = static_cast<std::size_t>(at - start);
}

bool parse_or_finish(rpc::GrpcCall& call, std::string_view request, google::protobuf::MessageLite* into) {
  if (into->ParseFromArray(request.data(), static_cast<int>(request.size()))) return true;
  call.finish(Code::internal,
              "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
  return false;
}

Time deadline_of(const rpc::GrpcCall& call, const Config& config, const node::Member& member) {
  const Time own = member.now() + config.request_timeout;
  return std::min(call.deadline().value_or(own), own);
}

void answer(rpc::GrpcCall& call, const node::Member& member, const mvcc::Outcome& outcome) {
  if (outcome.code != Code::ok) {
    return call.finish(outcome.code, outcome.error);
  }
  call.send(EncodedHeader(member.brief(), outcome.revision).bytes(), outcome.body);
  call.finish(Code::ok, "");
}

void answer(rpc::GrpcCall& call, const node::Member& member, mvcc::RangeAnswer range) {
  if (range.large == nullptr) return answer(call, member, range.outcome);
  call.send(EncodedHeader(member.brief(), range.outcome.revision).bytes(), std::move(range.large));
  call.finish(Code::ok, "");
}

void ask(std::shared_ptr<rpc::GrpcCall> call, node::Member& member,
         mvcc::Outcome (*outcome)(const node::MemberStatus&, const mvcc::View&)) {
  const auto asked = std::make_shared<CallToAnswer>(std::move(call));
  const bool is_asked = member.ask([asked, &member, outcome](const node::Replica& replica) {
    return [asked, &member, outcome, status = replica.status(), view = replica.view()] {
      answer(*asked->take(), member, outcome(status, *view));
    };
  });
  if (!is_asked) asked->take()->refuse(etcd::error_of(Reason::too_many_requests));
}

}  // namespace cairn::api
