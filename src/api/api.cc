#include "api/api.h"

#include "api/grpc_metrics.h"
#include "api/grpc_services.h"
#include "api/rest.h"

namespace cairn::api {

struct Api::Impl {
  Impl(Config with, node::Member& of)
      : config(std::move(with)),
        member(of),
        own_metrics(&own_registry),
        grpc_metrics(&(config.metrics == nullptr ? own_metrics : *config.metrics).registry) {
    if (config.metrics == nullptr) config.metrics = &own_metrics;
  }

  Config config;
  node::Member& member;
  Metrics own_registry;
  ServerMetrics own_metrics;
  GrpcMetrics grpc_metrics;
  Scratch scratch;
};

Api::Api(Config config, node::Member& member) : impl_(std::make_unique<Impl>(std::move(config), member)) {}
Api::~Api() = default;

void Api::on_unary(std::shared_ptr<rpc::GrpcCall> call, std::string_view request) {
  impl_->grpc_metrics.started(call->method());
  dispatch(GrpcContext{impl_->config, impl_->member, impl_->scratch, std::move(call), request});
}

std::unique_ptr<rpc::GrpcStream> Api::open_stream(const std::shared_ptr<rpc::GrpcCall>&) { return nullptr; }

void Api::on_grpc_end(const rpc::GrpcEnd& end) {
  impl_->grpc_metrics.handled(end.method, end.code);
  impl_->config.metrics->client_received_bytes.add(end.received_bytes);
  impl_->config.metrics->client_sent_bytes.add(end.sent_bytes);
}

void Api::on_long_reply_turn(std::size_t bytes) {
  impl_->config.metrics->long_reply_turn_bytes.observe(static_cast<double>(bytes));
}

void Api::on_http(std::shared_ptr<rpc::HttpCall> call) {
  dispatch(impl_->config, impl_->member, std::move(call));
}

}  // namespace cairn::api
