#include "api/grpc_methods.h"
#include "api/grpc_metrics.h"
#include "api/grpc_reply.h"
#include "api/watches.h"
#include "base/check.h"
#include "node/status.h"

namespace cairn::api {
namespace {

constexpr char kEmptyRange[] = "mvcc: watcher range is empty";
constexpr char kDuplicateId[] = "mvcc: duplicate watch ID provided on the WatchStream";
constexpr char kTooMany[] = "cairn: too many watches: cancel some, or use another stream";

std::string reason_of(watch::Refused refused) {
  switch (refused) {
    case watch::Refused::empty_range:
      return kEmptyRange;
    case watch::Refused::negative_start:
      return etcd::error_of(Reason::compacted).message;
    case watch::Refused::duplicate_id:
      return kDuplicateId;
    case watch::Refused::too_many:
      return kTooMany;
    case watch::Refused::no:
      break;
  }
  return "";
}

// As etcd's server prints an error that it got as one of gRPC.
std::string in_words_of_grpc(const Error& error) {
  return "rpc error: code = " + std::string(name_of_code(error.code)) + " desc = " + error.message;
}

watch::Request request_of(const etcdserverpb::WatchCreateRequest& create) {
  watch::Request request{.key = create.key(),
                         .range_end = create.range_end(),
                         .start_revision = create.start_revision(),
                         .watch_id = create.watch_id(),
                         .progress = create.progress_notify()};
  if (request.key.empty()) request.key.assign(1, '\0');  // the first key there can be
  request.wants.previous = create.prev_kv();
  request.wants.fragments = create.fragment();
  for (const int filter : create.filters()) {
    if (filter == etcdserverpb::WatchCreateRequest::NOPUT) request.wants.puts = false;
    if (filter == etcdserverpb::WatchCreateRequest::NODELETE) request.wants.deletes = false;
  }
  return request;
}

// One call of the Watch method. Its messages wait until the hub knows a state.
class GrpcWatch final : public rpc::GrpcStream, public WatchClient {
 public:
  GrpcWatch(Watches& watches, std::shared_ptr<rpc::GrpcCall> call)
      : WatchClient(watches, call->metadata("hasleader") == "true"), call_(std::move(call)) {
    if (!is_ready()) call_->pause();
  }

  void ready() override { call_->resume(); }
  void refuse(Reason why) override { call_->refuse(etcd::error_of(why)); }
  void lost(const std::vector<std::int64_t>& watches, const Error& why) override {
    lost_for_ = in_words_of_grpc(why);
    for (const std::int64_t id : watches) stream().cancel(id);
    lost_for_.clear();
  }

  void on_message(std::string_view message) override {
    etcdserverpb::WatchRequest request;
    if (!parse_or_finish(*call_, message, &request)) return;
    if (request.has_create_request()) create(request.create_request());
    if (request.has_cancel_request()) stream().cancel(request.cancel_request().watch_id());
    if (request.has_progress_request()) stream().ask_progress();
    watches_.schedule();
  }
  // A client that asks for nothing more still wants to know.
  void on_half_close() override {}
  void on_room() override {
    if (!has_stream()) return;
    stream().on_room();
    watches_.schedule();
  }

  bool has_room() override { return call_->has_room(); }
  void send(const watch::Response& response) override {
    head_.Clear();
    head_.set_watch_id(response.watch_id);
    head_.set_created(response.created);
    head_.set_canceled(response.canceled);
    if (response.canceled) head_.set_cancel_reason(lost_for_);
    head_.set_compact_revision(response.compact_revision);
    head_.set_fragment(response.fragment);
    send(response.revision, response.events);
  }

 private:
  void create(const etcdserverpb::WatchCreateRequest& create) {
    const Result<watch::Refused> refused = WatchClient::create(request_of(create));
    if (refused && *refused == watch::Refused::no) return;
    head_.Clear();
    head_.set_watch_id(watch::kNoWatch);
    head_.set_created(true);
    head_.set_canceled(true);
    head_.set_cancel_reason(refused ? reason_of(*refused) : in_words_of_grpc(refused.error()));
    send(watches_.revision(), {});
  }

  void send(std::int64_t revision, std::string_view events) {
    std::string head(EncodedHeader(watches_.member().brief(), revision).bytes());
    head_.AppendToString(&head);
    call_->send(head, events);
  }

  const std::shared_ptr<rpc::GrpcCall> call_;
  etcdserverpb::WatchResponse head_;  // without header and events
  std::string lost_for_;              // while watches are taken from it
};

}  // namespace

std::unique_ptr<rpc::GrpcStream> watch(const GrpcContext& context) {
  if (!context.watches.opens()) {
    context.call->refuse(etcd::error_of(Reason::server_stopped));
    return nullptr;
  }
  auto stream = std::make_unique<GrpcWatch>(context.watches, context.call);
  context.watches.opened();
  return stream;
}

}  // namespace cairn::api
