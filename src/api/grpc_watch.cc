#include <algorithm>

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

}  // namespace

// One call of the Watch method. Its messages wait until the hub knows a state.
class WatchStream final : public rpc::GrpcStream, public watch::Sink {
 public:
  WatchStream(Watches& watches, std::shared_ptr<rpc::GrpcCall> call)
      : watches_(watches), call_(std::move(call)), wants_leader_(call_->metadata("hasleader") == "true") {
    watches_.streams_.insert(this);
    watches_.want_leader_ += wants_leader_ ? 1 : 0;
    if (watches_.hub_.ready())
      begin();
    else
      call_->pause();
  }
  ~WatchStream() override {
    watches_.want_leader_ -= wants_leader_ ? 1 : 0;
    stream_.reset();
    watches_.ended(this);
  }
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;

  void begin() { stream_.emplace(&watches_.hub_, this, watches_.member_.now()); }
  void resume() { call_->resume(); }
  bool has_begun() const { return stream_.has_value(); }
  bool wants_leader() const { return wants_leader_; }
  void refuse(Reason why) { call_->refuse(etcd::error_of(why)); }

  void on_message(std::string_view message) override {
    etcdserverpb::WatchRequest request;
    if (!parse_or_finish(*call_, message, &request)) return;
    if (request.has_create_request()) create(request.create_request());
    if (request.has_cancel_request()) stream_->cancel(request.cancel_request().watch_id());
    if (request.has_progress_request()) stream_->ask_progress();
    watches_.schedule();
  }
  // A client that asks for nothing more still wants to know.
  void on_half_close() override {}
  void on_room() override {
    if (!has_begun()) return;
    stream_->on_room();
    watches_.schedule();
  }

  bool has_room() override { return call_->has_room(); }
  void send(const watch::Response& response) override {
    head_.Clear();
    head_.set_watch_id(response.watch_id);
    head_.set_created(response.created);
    head_.set_canceled(response.canceled);
    head_.set_compact_revision(response.compact_revision);
    head_.set_fragment(response.fragment);
    send(response.revision, response.events);
  }

 private:
  void create(const etcdserverpb::WatchCreateRequest& create) {
    const watch::Refused refused = stream_->create(request_of(create));
    if (refused == watch::Refused::no) return;
    head_.Clear();
    head_.set_watch_id(watch::kNoWatch);
    head_.set_created(true);
    head_.set_canceled(true);
    head_.set_cancel_reason(reason_of(refused));
    send(watches_.hub_.revision(), {});
  }

  void send(std::int64_t revision, std::string_view events) {
    std::string head(EncodedHeader(watches_.member_.brief(), revision).bytes());
    head_.AppendToString(&head);
    call_->send(head, events);
  }

  Watches& watches_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  const bool wants_leader_;
  std::optional<watch::Stream> stream_;
  etcdserverpb::WatchResponse head_;  // without header and events
};

// The calls have ended before, and so have their streams.
Watches::~Watches() { CHECK(streams_.empty()); }

std::unique_ptr<rpc::GrpcStream> Watches::open(std::shared_ptr<rpc::GrpcCall> call) {
  if (stopped_) {
    call->refuse(etcd::error_of(Reason::server_stopped));
    return nullptr;
  }
  look_for_leader(member_.now());  // what was seen before it is long ago
  auto stream = std::make_unique<WatchStream>(*this, std::move(call));
  if (!std::exchange(follows_, true))
    member_.follow([this](const std::shared_ptr<const mvcc::View>& view) { publish(view); });
  schedule();
  return stream;
}

void Watches::ended(WatchStream* stream) {
  streams_.erase(stream);
  count();
  if (!streams_.empty()) return;
  follows_ = false;
  member_.follow({});
  hub_.rest();
}

void Watches::publish(std::shared_ptr<const mvcc::View> view) {
  const bool was_ready = hub_.ready();
  hub_.publish(std::move(view));
  if (!was_ready) {
    for (WatchStream* const stream : streams_) {
      stream->begin();
      stream->resume();
    }
  }
  schedule();  // not here: the turn that has published has more to do
}

void Watches::woken() {
  woken_at_.reset();
  const Time now = member_.now();
  static_cast<void>(hub_.work());
  if (hub_.ready()) hub_.tell_progress(now);
  look_for_leader(now);
  schedule();
}

// As in etcd, three election timeouts after the leader was lost.
void Watches::look_for_leader(Time now) {
  if (want_leader_ == 0 || member_.brief().leader.v != 0) {
    leaderless_since_.reset();
    return;
  }
  if (!leaderless_since_) leaderless_since_ = now;
  if (now < *leaderless_since_ + config_.leaderless_max) return;
  for (WatchStream* const stream : streams_)
    if (stream->wants_leader()) stream->refuse(Reason::no_leader);
}

std::optional<Time> Watches::due() const {
  const Time now = member_.now();
  if (hub_.has_work()) return now;
  std::optional<Time> due = hub_.progress_at();
  const Time look = now + config_.leaderless_max / 4;
  if (want_leader_ > 0 && (!due || look < *due)) due = look;
  return due;
}

// Of several front-ends, who share the metrics.
void Watches::count() {
  const auto update = [](Gauge& gauge, std::size_t* counted, std::size_t now) {
    if (*counted == now) return;
    gauge.add(static_cast<double>(now) - static_cast<double>(*counted));
    *counted = now;
  };
  update(config_.metrics->watch_streams, &counted_streams_, streams_.size());
  update(config_.metrics->watches, &counted_watches_, hub_.watches());
  update(config_.metrics->watches_behind, &counted_behind_, hub_.behind());
}

void Watches::schedule() {
  count();
  const std::optional<Time> next = due();
  if (!next || !config_.wake_at || (woken_at_ && *woken_at_ <= *next)) return;
  woken_at_ = next;
  config_.wake_at(*next);
}

void Watches::stop() {
  stopped_ = true;
  for (WatchStream* const stream : streams_) stream->refuse(Reason::server_stopped);
}

std::unique_ptr<rpc::GrpcStream> watch(const GrpcContext& context) {
  return context.watches.open(context.call);
}

}  // namespace cairn::api
