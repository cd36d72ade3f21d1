#include "api/api.h"

#include "api/grpc_services.h"
#include "api/rest.h"

namespace cairn::api {

struct Api::Impl {
  Config config;
  node::Member& member;
  Scratch scratch;
};

Api::Api(Config config, node::Member& member) : impl_(new Impl{std::move(config), member, {}}) {}
Api::~Api() = default;

void Api::on_unary(std::shared_ptr<rpc::GrpcCall> call, std::string_view request) {
  dispatch(GrpcContext{impl_->config, impl_->member, impl_->scratch, std::move(call), request});
}

std::unique_ptr<rpc::GrpcStream> Api::open_stream(const std::shared_ptr<rpc::GrpcCall>&) { return nullptr; }

void Api::on_http(std::shared_ptr<rpc::HttpCall> call) {
  dispatch(impl_->config, impl_->member, std::move(call));
}

}  // namespace cairn::api
