// KV/RangeStream: a list as a stream of messages, all of one revision, each as large as its client's reading
// lets the next one be. Nothing is kept between two messages but where to go on: each is read from the state
// of that moment, at the revision of the first one, and when compaction has passed it, the stream ends so.
// Header, more and count are the last message's.
#include <algorithm>
#include <utility>

#include "api/grpc_methods.h"
#include "api/grpc_reply.h"
#include "base/codec.h"
#include "etcd/reasons.h"
#include "etcd/validate.h"
#include "node/status.h"

namespace cairn::api {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

constexpr std::int64_t kKeysAtFirst = 10;

// Where etcd, too, has only the unary method: what has to be seen whole before the first key is known.
bool is_streamed(const RangeRequest& request) {
  const bool by_key =
      request.sort_order() == RangeRequest::NONE
          ? request.sort_target() == RangeRequest::KEY
          : request.sort_order() == RangeRequest::ASCEND && request.sort_target() == RangeRequest::KEY;
  return by_key && request.min_mod_revision() == 0 && request.max_mod_revision() == 0 &&
         request.min_create_revision() == 0 && request.max_create_revision() == 0;
}

class RangeStream final : public rpc::GrpcStream {
 public:
  explicit RangeStream(const GrpcContext& context)
      : config_(context.config),
        member_(context.member),
        call_(context.call),
        self_(std::make_shared<RangeStream*>(this)) {}
  ~RangeStream() override { *self_ = nullptr; }
  RangeStream(const RangeStream&) = delete;
  RangeStream& operator=(const RangeStream&) = delete;

  void on_message(std::string_view message) override {
    if (has_begun_) return call_->finish(Code::invalid_argument, "cairn: a second request on one stream");
    has_begun_ = true;
    if (!parse_or_finish(*call_, message, &request_)) return;
    if (const Status valid = etcd::validate(request_, config_.request); !valid)
      return call_->refuse(valid.error());
    if (!is_streamed(request_))
      return call_->finish(Code::unimplemented,
                           "cairn: only ranges by ascending key, without filters, are streamed");
    next_ = request_;
    left_ = request_.limit();
    read(request_.serializable());
  }
  void on_half_close() override {
    if (!has_begun_) call_->finish(Code::invalid_argument, "cairn: no request");
  }
  void on_room() override {
    if (std::exchange(waits_for_room_, false)) read(true);
  }

 private:
  class Turn final : public node::ReadResponder {
   public:
    explicit Turn(std::shared_ptr<RangeStream*> of) : of_(std::move(of)) {}
    void ready(const mvcc::View& view) override {
      if (*of_ != nullptr) (*of_)->ready(view);
    }
    void failed(Error error) override {
      if (*of_ != nullptr) (*of_)->call_->refuse(error);
    }

   private:
    const std::shared_ptr<RangeStream*> of_;  // null: it has ended
  };

  void read(bool serializable) {
    member_.read({.serializable = serializable,
                  .deadline = deadline_of(*call_, config_, member_),
                  .responder = std::make_unique<Turn>(self_)});
  }

  void ready(const mvcc::View& view) {
    if (counting_ != nullptr) return count_on();
    if (next_.revision() <= 0) next_.set_revision(view.revision());
    next_.set_limit(left_ > 0 ? std::min(keys_, left_) : keys_);
    if (request_.count_only()) return count(view, false);
    const auto checked = etcd::check(std::as_const(next_), config_.request);
    const mvcc::Outcome page = checked ? view.page(*checked) : mvcc::refuse(checked.error());
    if (page.code != Code::ok) return call_->refuse(page.refusal());
    RangeResponse response;
    if (!response.ParseFromString(page.body)) return call_->finish(Code::internal, "");
    const std::int64_t found = response.kvs_size();
    served_ += found;
    const bool is_full = left_ > 0 && found >= left_;
    const bool more = response.more();
    if (more && !is_full) return send_page(response);
    *rest_.mutable_kvs() = std::move(*response.mutable_kvs());
    if (more) return count(view, true);  // its client has set a limit, and wants to know how many there are
    finish(view.revision(), false, served_);
  }

  void send_page(const RangeResponse& response) {
    const std::string& last = response.kvs(response.kvs_size() - 1).key();
    next_.set_key(last + std::string(1, '\0'));
    if (left_ > 0) left_ -= response.kvs_size();
    RangeResponse page;
    page.mutable_kvs()->CopyFrom(response.kvs());
    const std::string bytes = page.SerializeAsString();
    send("", bytes);
    if (bytes.size() > config_.request_bytes_max)
      keys_ = std::max<std::int64_t>(keys_ / 2, 1);
    else if (bytes.size() < config_.request_bytes_max / 2)
      keys_ = std::min(keys_ * 2, config_.page_keys_max);
    if (call_->cancelled()) return;
    if (call_->has_room()) return read(true);
    waits_for_room_ = true;
  }

  // Of the newest state the tree knows it; of an older one it is counted, a piece in each turn.
  void count(const mvcc::View& view, bool more) {
    RangeRequest all = request_;
    all.set_revision(next_.revision());
    all.set_count_only(true);
    all.set_limit(0);
    mvcc::RangeAnswer answer = view.open_range(*etcd::check(std::as_const(all), config_.request));
    if (answer.outcome.code != Code::ok) return call_->refuse(answer.outcome.refusal());
    more_ = more;
    revision_ = view.revision();
    if (answer.large == nullptr) return counted(answer.outcome.body);
    counting_ = std::move(answer.large);
    count_on();
  }

  void count_on() {
    if (!counting_->measure()) return read(true);
    std::string body;
    while (!counting_->finished()) counting_->read(64, &body);
    counting_.reset();
    counted(body);
  }

  void counted(const std::string& body) {
    RangeResponse response;
    if (!response.ParseFromString(body)) return call_->finish(Code::internal, "");
    finish(revision_, more_, response.count());
  }

  void finish(std::int64_t revision, bool more, std::int64_t count) {
    rest_.set_more(more);
    rest_.set_count(count);
    const EncodedHeader header(member_.brief(), revision);
    send(header.bytes(), rest_.SerializeAsString());
    call_->finish(Code::ok, "");
  }

  // As the range_response of a RangeStreamResponse.
  void send(std::string_view head, const std::string& body) {
    constexpr char kField = 1 << 3 | 2;
    std::string front(1, kField);
    codec::put_varint(&front, head.size() + body.size());
    front += head;
    call_->send(front, body);
  }

  const Config& config_;
  node::Member& member_;
  const std::shared_ptr<rpc::GrpcCall> call_;
  const std::shared_ptr<RangeStream*> self_;
  RangeRequest request_, next_;  // as it came; what the next message is asked with
  std::int64_t keys_ = kKeysAtFirst;
  std::int64_t left_ = 0;  // of the limit; 0: there is none
  std::int64_t served_ = 0;
  bool has_begun_ = false, waits_for_room_ = false;
  RangeResponse rest_;  // of the last message
  std::unique_ptr<LongMessage> counting_;
  bool more_ = false;
  std::int64_t revision_ = 0;
};

}  // namespace

std::unique_ptr<rpc::GrpcStream> kv_range_stream(const GrpcContext& context) {
  return std::make_unique<RangeStream>(context);
}

}  // namespace cairn::api
