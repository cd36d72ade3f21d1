#include "cli/change_connection.h"

#include <utility>

#include "cli/logged_in.h"
#include "client/endpoint.h"
#include "client/secure.h"

namespace cairn::cli {
namespace {

constexpr char kRange[] = "/etcdserverpb.KV/Range";
constexpr char kWatch[] = "/etcdserverpb.Watch/Watch";
constexpr char kTimeToLive[] = "/etcdserverpb.Lease/LeaseTimeToLive";
constexpr char kAuthStatus[] = "/etcdserverpb.Auth/AuthStatus";
const std::string kFirstKey(1, '\0');

}  // namespace

Result<std::unique_ptr<ChangeConnection>> ChangeConnection::open(const Context& context,
                                                                 const std::string& endpoint) {
  const auto address = client::parse_endpoint(endpoint);
  if (!address) return fail(Code::invalid_argument, endpoint + " is no endpoint");
  std::unique_ptr<ChangeConnection> made(new ChangeConnection(context, endpoint));
  rpc::GrpcClient::Options transport;
  if (address->secure) transport.layer = TRY(client::layer_to("", context.tls, client::Http::two));
  made->client_ =
      std::make_unique<rpc::GrpcClient>(made->loop_, address->host, address->port, std::move(transport));
  made->metadata_ = logged_in(context, &made->loop_, made->client_.get());
  return made;
}

Result<ChangeConnection::Cluster> ChangeConnection::look() {
  etcdserverpb::RangeRequest request;
  request.set_key(kFirstKey);
  request.set_count_only(true);
  const auto said =
      rpc::call_and_wait(loop_, *client_, kRange, request.SerializeAsString(), metadata_, context_.timeout);
  loop_.restart();
  if (said.code != Code::ok) return fail(said.code, said.status_message);
  etcdserverpb::RangeResponse response;
  if (!response.ParseFromString(said.message)) return fail(Code::data_loss, "what came is no answer");
  return Cluster{response.header().cluster_id(), response.header().revision()};
}

void ChangeConnection::watch(std::int64_t from,
                             std::function<void(const etcdserverpb::WatchResponse&)> on_response) {
  on_response_ = std::move(on_response);
  rpc::Headers metadata = metadata_;
  metadata.push_back({"hasleader", "true"});  // who is cut off from the others has nothing to say
  stream_ = client_->open_stream(
      kWatch, metadata,
      [this](std::string_view message) {
        etcdserverpb::WatchResponse response;
        if (ended_) return;
        if (response.ParseFromArray(message.data(), static_cast<int>(message.size())))
          return on_response_(response);
        ended_ = true;
        why_ = "what came is no answer to a watch";
      },
      [this](const rpc::GrpcReply& reply) {
        if (std::exchange(ended_, true)) return;
        why_ = reply.status_message.empty() ? "the watch has ended" : std::string(reply.status_message);
      });
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(kFirstKey);
  create.set_range_end(kFirstKey);
  create.set_start_revision(from);
  create.set_fragment(true);
  client_->write(stream_, request.SerializeAsString());
}

void ChangeConnection::ask_progress() {
  etcdserverpb::WatchRequest request;
  request.mutable_progress_request();
  if (!ended_) client_->write(stream_, request.SerializeAsString());
}

void ChangeConnection::ask_lease(std::int64_t id, std::function<void(std::int64_t ttl_s)> answer) {
  etcdserverpb::LeaseTimeToLiveRequest request;
  request.set_id(id);
  client_->call(kTimeToLive, request.SerializeAsString(), metadata_, context_.timeout,
                [answer = std::move(answer)](const rpc::GrpcReply& reply) {
                  etcdserverpb::LeaseTimeToLiveResponse response;
                  const bool is_said =
                      reply.code == Code::ok && response.ParseFromString(std::string(reply.message));
                  answer(is_said ? response.grantedttl() : 0);
                });
}

void ChangeConnection::ask_users_revision(std::function<void(std::uint64_t revision)> answer) {
  client_->call(kAuthStatus, "", metadata_, context_.timeout,
                [answer = std::move(answer)](const rpc::GrpcReply& reply) {
                  etcdserverpb::AuthStatusResponse response;
                  if (reply.code == Code::ok && response.ParseFromString(std::string(reply.message)))
                    answer(response.authrevision());
                });
}

void ChangeConnection::run_for(std::chrono::milliseconds time) {
  loop_.run_for(time);
  if (loop_.stopped()) loop_.restart();
}

}  // namespace cairn::cli
