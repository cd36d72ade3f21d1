// gRPC server reflection: tools such as grpcurl ask what is served, and what its messages look like. The
// answers are the descriptors that the generated code brings along.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <string>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "proto/health.pb.h"
#include "proto/reflection.pb.h"
#include "proto/reflection_v1alpha.pb.h"

namespace cairn::api {
namespace {

using google::protobuf::FileDescriptor;

const google::protobuf::DescriptorPool& pool() {
  // Their code is part of the program only where something of it is named.
  static_cast<void>(grpc::health::v1::HealthCheckRequest::descriptor());
  return *google::protobuf::DescriptorPool::generated_pool();
}

// The file, and behind it those that it needs.
template <class Response>
void add_file(const FileDescriptor& file, std::set<const FileDescriptor*>* added, Response* to) {
  if (!added->insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  proto.AppendToString(to->mutable_file_descriptor_response()->add_file_descriptor_proto());
  for (int i = 0; i < file.dependency_count(); ++i) add_file(*file.dependency(i), added, to);
}

template <class Response>
void refuse(Code code, const char* message, Response* to) {
  to->mutable_error_response()->set_error_code(static_cast<int>(code));
  to->mutable_error_response()->set_error_message(message);
}

template <class Response>
void list_services(Response* to) {
  std::set<std::string> names;
  for (const Method& method : methods()) names.emplace(rpc::service_of(method.path));
  for (const std::string& name : names) to->mutable_list_services_response()->add_service()->set_name(name);
}

template <class Request, class Response>
Response respond_to(const Request& request) {
  Response response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  const FileDescriptor* file = nullptr;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      file = pool().FindFileByName(request.file_by_filename());
      break;
    case Request::kFileContainingSymbol:
      file = pool().FindFileContainingSymbol(request.file_containing_symbol());
      break;
    case Request::kListServices:
      list_services(&response);
      return response;
    case Request::kAllExtensionNumbersOfType:  // there are no extensions here
      if (pool().FindMessageTypeByName(request.all_extension_numbers_of_type()) == nullptr) break;
      response.mutable_all_extension_numbers_response()->set_base_type_name(
          request.all_extension_numbers_of_type());
      return response;
    case Request::kFileContainingExtension:
      break;
    case Request::MESSAGE_REQUEST_NOT_SET:
      refuse(Code::invalid_argument, "nothing is asked for", &response);
      return response;
  }
  std::set<const FileDescriptor*> added;
  if (file != nullptr)
    add_file(*file, &added, &response);
  else
    refuse(Code::not_found, "there is no such thing here", &response);
  return response;
}

template <class Request, class Response>
class ReflectionStream final : public rpc::GrpcStream {
 public:
  explicit ReflectionStream(std::shared_ptr<rpc::GrpcCall> call) : call_(std::move(call)) {}
  void on_message(std::string_view message) override {
    Request request;
    if (!parse_or_finish(*call_, message, &request)) return;
    call_->send("", respond_to<Request, Response>(request).SerializeAsString());
    if (!call_->has_room()) call_->pause();
  }
  void on_half_close() override { call_->finish(Code::ok, ""); }
  void on_room() override { call_->resume(); }

 private:
  const std::shared_ptr<rpc::GrpcCall> call_;
};

}  // namespace

std::unique_ptr<rpc::GrpcStream> reflection(const GrpcContext& context) {
  using namespace grpc::reflection::v1;  // NOLINT: the two differ in nothing else
  return std::make_unique<ReflectionStream<ServerReflectionRequest, ServerReflectionResponse>>(context.call);
}

std::unique_ptr<rpc::GrpcStream> reflection_v1alpha(const GrpcContext& context) {
  using namespace grpc::reflection::v1alpha;  // NOLINT
  return std::make_unique<ReflectionStream<ServerReflectionRequest, ServerReflectionResponse>>(context.call);
}

}  // namespace cairn::api
