#include "api/health.h"

#include <utility>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "base/check.h"
#include "etcd/reasons.h"
#include "node/status.h"
#include "proto/health.pb.h"

namespace cairn::api {

std::string_view health_of(bool serves) {
  // Written out: the response is one enum field.
  return serves ? std::string_view("\x08\x01", 2) : std::string_view("\x08\x02", 2);
}

class HealthStream final : public rpc::GrpcStream {
 public:
  HealthStream(HealthWatches& owner, std::shared_ptr<rpc::GrpcCall> call)
      : owner_(owner), call_(std::move(call)) {
    owner_.streams_.insert(this);
  }
  ~HealthStream() override { owner_.streams_.erase(this); }
  HealthStream(const HealthStream&) = delete;
  HealthStream& operator=(const HealthStream&) = delete;

  void on_message(std::string_view message) override {
    grpc::health::v1::HealthCheckRequest request;
    if (asked_ || !parse_or_finish(*call_, message, &request)) return;
    asked_ = true;
    constexpr std::string_view kUnknownService("\x08\x03", 2);  // it may be there one day
    if (!request.service().empty()) return call_->send("", kUnknownService);
    is_ours_ = true;
    look();
  }
  void on_half_close() override {}

  void look() {
    const bool serves = owner_.serves();
    if (!is_ours_ || told_ == serves || !call_->has_room()) return;
    told_ = serves;
    call_->send("", health_of(serves));
  }
  void stop() { call_->refuse(etcd::error_of(Reason::server_stopped)); }

 private:
  HealthWatches& owner_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  bool asked_ = false, is_ours_ = false;
  std::optional<bool> told_;
};

// The calls have ended before, and so have their streams.
HealthWatches::~HealthWatches() { CHECK(streams_.empty()); }

bool HealthWatches::serves() const { return member_.brief().leader.v != 0; }

std::unique_ptr<rpc::GrpcStream> HealthWatches::open(std::shared_ptr<rpc::GrpcCall> call) {
  auto stream = std::make_unique<HealthStream>(*this, std::move(call));
  if (!std::exchange(looks_, true)) wake_(member_.now() + look_interval_);
  return stream;
}

void HealthWatches::look() {
  for (HealthStream* const stream : streams_) stream->look();
  looks_ = !streams_.empty();
  wake_(looks_ ? member_.now() + look_interval_ : Time::max());
}

void HealthWatches::stop() {
  // A stream may go while it is ended.
  for (HealthStream* const stream : std::set<HealthStream*>(streams_))
    if (streams_.count(stream) > 0) stream->stop();
}

std::unique_ptr<rpc::GrpcStream> health_watch(const GrpcContext& context) {
  return context.health.open(context.call);
}

}  // namespace cairn::api
