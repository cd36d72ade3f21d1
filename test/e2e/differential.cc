// The same random operations on two servers of etcd's v3 API, one at a time, their answers compared field by
// field:
//   differential --left 127.0.0.1:2379 --right 127.0.0.1:3379 [--operations N] [--seed N]
// Both must be empty at the start. What is masked, since two servers cannot agree on it: the ids and the term
// in the header, and the order of keys that are equal in what a range is sorted by.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <iostream>
#include <optional>

#include "proto/rpc.pb.h"
#include "random_requests.h"
#include "rpc/client.h"

namespace cairn::differential {
namespace {

using etcdserverpb::RangeRequest;
using mvccpb::KeyValue;

constexpr int kDifferencesShown = 5;

bool less_in(RangeRequest::SortTarget target, const KeyValue& a, const KeyValue& b) {
  switch (target) {
    case RangeRequest::VERSION:
      return a.version() < b.version();
    case RangeRequest::CREATE:
      return a.create_revision() < b.create_revision();
    case RangeRequest::MOD:
      return a.mod_revision() < b.mod_revision();
    case RangeRequest::VALUE:
      return a.value() < b.value();
    default:
      return a.key() < b.key();
  }
}

// Keys that are equal in the sort target come in no specified order, and a limit may cut among them anywhere.
void mask(const RangeRequest& request, etcdserverpb::RangeResponse* response) {
  const RangeRequest::SortTarget target = request.sort_target();
  // keys_only empties the values after sorting by them: nothing is left to tell ties from order.
  const bool by_hidden_value = target == RangeRequest::VALUE && request.keys_only();
  auto* kvs = response->mutable_kvs();
  for (auto group = kvs->begin(); group != kvs->end();) {
    const auto end = std::find_if(group, kvs->end(), [&](const KeyValue& kv) {
      return !by_hidden_value && (less_in(target, *group, kv) || less_in(target, kv, *group));
    });
    std::sort(group, end, [](const KeyValue& a, const KeyValue& b) { return a.key() < b.key(); });
    if (end == kvs->end() && response->more() && target != RangeRequest::KEY)
      for (auto kv = group; kv != end; ++kv) kv->Clear();
    group = end;
  }
}

void mask(const etcdserverpb::TxnRequest& request, etcdserverpb::TxnResponse* response) {
  const auto& branch = response->succeeded() ? request.success() : request.failure();
  for (int i = 0; i < std::min(branch.size(), response->responses_size()); ++i) {
    etcdserverpb::ResponseOp* op = response->mutable_responses(i);
    if (op->has_response_range()) mask(branch[i].request_range(), op->mutable_response_range());
    if (op->has_response_txn()) mask(branch[i].request_txn(), op->mutable_response_txn());
  }
}

// A second has passed at one of them, and the other names keys in no order.
void mask(const etcdserverpb::LeaseTimeToLiveRequest&, etcdserverpb::LeaseTimeToLiveResponse* response) {
  if (response->ttl() > 0) response->set_ttl(1);
  std::sort(response->mutable_keys()->begin(), response->mutable_keys()->end());
}

void mask(const etcdserverpb::LeaseLeasesRequest&, etcdserverpb::LeaseLeasesResponse* response) {
  std::sort(response->mutable_leases()->begin(), response->mutable_leases()->end(),
            [](const auto& a, const auto& b) { return a.id() < b.id(); });
}

template <class Request, class Response>
void mask(const Request&, Response*) {}

class Server {
 public:
  Server(boost::asio::io_context& io, const std::string& address)
      : client_(io, address.substr(0, address.rfind(':')),
                static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))) {}

  void call(std::string_view path, const std::string& request) {
    reply_.reset();
    client_.call(path, request, [this](const rpc::GrpcReply& reply) {
      reply_ = {reply.code, std::string(reply.status_message), std::string(reply.message)};
    });
  }
  const std::optional<rpc::GrpcResult>& reply() const { return reply_; }

 private:
  rpc::GrpcClient client_;
  std::optional<rpc::GrpcResult> reply_;
};

class Comparison {
 public:
  Comparison(const std::string& left, const std::string& right, std::uint64_t seed)
      : left_(io_, left), right_(io_, right), random_(seed) {}

  // False when the two have disagreed too often to go on.
  bool run(std::int64_t operations) {
    for (; done_ < operations && differences_ < kDifferencesShown; ++done_) step();
    std::cout << done_ << " operations, " << refused_ << " of them refused, up to revision " << revision_
              << ": " << differences_ << " differences\n";
    return differences_ == 0;
  }

 private:
  void step() {
    if (random_.one_in(30)) return step_of_leases();
    const std::int64_t kind = random_.below(100);
    if (kind < 35) {
      ask<etcdserverpb::RangeResponse>("/etcdserverpb.KV/Range", random_.range());
    } else if (kind < 60) {
      ask<etcdserverpb::PutResponse>("/etcdserverpb.KV/Put", random_.put());
    } else if (kind < 66) {
      ask<etcdserverpb::DeleteRangeResponse>("/etcdserverpb.KV/DeleteRange", random_.delete_range());
    } else if (kind < 99) {
      ask<etcdserverpb::TxnResponse>("/etcdserverpb.KV/Txn", random_.txn());
    } else {
      ask<etcdserverpb::CompactionResponse>("/etcdserverpb.KV/Compact", random_.compaction());
    }
  }

  void step_of_leases() {
    switch (random_.below(5)) {
      case 0:
      case 1:
        return ask<etcdserverpb::LeaseGrantResponse>("/etcdserverpb.Lease/LeaseGrant", random_.lease_grant());
      case 2:
        return ask<etcdserverpb::LeaseRevokeResponse>("/etcdserverpb.Lease/LeaseRevoke",
                                                      random_.lease_revoke());
      case 3:
        return ask<etcdserverpb::LeaseLeasesResponse>("/etcdserverpb.Lease/LeaseLeases",
                                                      etcdserverpb::LeaseLeasesRequest());
      default:
        return ask<etcdserverpb::LeaseTimeToLiveResponse>("/etcdserverpb.Lease/LeaseTimeToLive",
                                                          random_.lease_time_to_live());
    }
  }

  template <class Response, class Request>
  void ask(std::string_view path, const Request& request) {
    const std::string bytes = request.SerializeAsString();
    left_.call(path, bytes);
    right_.call(path, bytes);
    while (!left_.reply() || !right_.reply()) io_.run_one();
    const std::string left = text<Response>(request, *left_.reply());
    const std::string right = text<Response>(request, *right_.reply());
    random_.set_revision(revision_);
    if (left == right) return;
    ++differences_;
    std::cout << "operation " << done_ << " differs\n"
              << path << " {\n"
              << request.DebugString() << "}\nleft:\n"
              << left << "right:\n"
              << right << "\n";
  }

  template <class Response, class Request>
  std::string text(const Request& request, const rpc::GrpcResult& reply) {
    if (reply.code != Code::ok) {
      refused_ += &reply == &*left_.reply() ? 1 : 0;
      return "code " + std::to_string(static_cast<int>(reply.code)) + ": " + reply.status_message + "\n";
    }
    Response response;
    if (!response.ParseFromString(reply.message)) return "not a message\n";
    revision_ = response.header().revision();
    response.mutable_header()->clear_cluster_id();
    response.mutable_header()->clear_member_id();
    response.mutable_header()->clear_raft_term();
    mask(request, &response);
    return response.DebugString();  // unknown fields and presence included
  }

  boost::asio::io_context io_;
  Server left_, right_;
  RandomRequests random_;
  std::int64_t revision_ = 1;
  std::int64_t done_ = 0;
  std::int64_t refused_ = 0;
  int differences_ = 0;
};

}  // namespace
}  // namespace cairn::differential

int main(int argc, char** argv) {
  CLI::App app("compares two servers of etcd's v3 API under the same random operations");
  std::string left, right;
  std::int64_t operations = 20000;
  std::uint64_t seed = 1;
  app.add_option("--left", left, "host:port")->required();
  app.add_option("--right", right, "host:port")->required();
  app.add_option("--operations", operations);
  app.add_option("--seed", seed);
  CLI11_PARSE(app, argc, argv);
  std::cout << "seed " << seed << "\n";
  return cairn::differential::Comparison(left, right, seed).run(operations) ? 0 : 1;
}
