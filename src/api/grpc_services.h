// The gRPC services, one function a method. Each answers the call now or later, exactly once.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "proto/rpc.pb.h"

namespace cairn::api {

// Messages parsed only to be checked; kept between calls so that their memory is reused.
struct Scratch {
  etcdserverpb::PutRequest put;
  etcdserverpb::DeleteRangeRequest delete_range;
  etcdserverpb::TxnRequest txn;
  etcdserverpb::CompactionRequest compaction;
};

struct GrpcContext {
  const Config& config;
  node::Member& member;
  Scratch& scratch;
  std::shared_ptr<rpc::GrpcCall> call;
  std::string_view request;
};

void kv_range(const GrpcContext& context);
void kv_put(const GrpcContext& context);
void kv_delete_range(const GrpcContext& context);
void kv_txn(const GrpcContext& context);
void kv_compact(const GrpcContext& context);
void maintenance_status(const GrpcContext& context);
void cluster_member_list(const GrpcContext& context);
void health_check(const GrpcContext& context);

std::vector<std::string_view> grpc_method_paths();
// Finds the method by its path; an unknown one is refused as unimplemented.
void dispatch(const GrpcContext& context);

}  // namespace cairn::api
